// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namer

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"sync/atomic"

	"github.com/wye-dev/wye/dtab"
)

// View is a frozen picture of a Table: all of it is of one moment. Any number of
// goroutines may read it, and none may change what it hands out. The zero View
// has no namers, and so knows that there are no names.
type View struct {
	mounts []Mount
	states *states
}

// State is what is known of a path: Neg if no namer is in charge of it. ok is
// false if nobody wants the path, or if its first state is still awaited.
func (v View) State(path dtab.Path) (state State, ok bool) {
	if mountOf(v.mounts, path) == nil {
		return State{}, true
	}
	if s := v.states.get(key(path)); s != nil {
		return *s, true
	}
	return State{}, false
}

// shardCount is a balance: a change copies the list of shards and one shard, so
// with 10,000 names 256 pointers and some 40 entries.
const shardCount = 256

// states maps keys to states. Once a View may have it, it never changes: a
// change makes another that shares all shards but one.
type states struct {
	seed   maphash.Seed
	shards [shardCount]map[string]*State
}

func (s *states) get(key string) *State { return s.shards[s.shard(key)][key] }

func (s *states) shard(key string) int {
	return int(maphash.String(s.seed, key) % shardCount)
}

// viewCell holds the newest states. Loads may be concurrent; writers take turns.
type viewCell struct{ now atomic.Pointer[states] }

func (c *viewCell) init() { c.now.Store(&states{seed: maphash.MakeSeed()}) }

func (c *viewCell) load() *states { return c.now.Load() }

func (c *viewCell) set(key string, state *State) {
	c.edit(key, func(shard map[string]*State) { shard[key] = state })
}

func (c *viewCell) drop(key string) {
	c.edit(key, func(shard map[string]*State) { delete(shard, key) })
}

// edit publishes a copy in which one shard is changed.
func (c *viewCell) edit(key string, change func(shard map[string]*State)) {
	next := *c.now.Load()
	i := next.shard(key)
	shard := maps.Clone(next.shards[i])
	if shard == nil {
		shard = map[string]*State{}
	}
	change(shard)
	next.shards[i] = shard
	c.now.Store(&next)
}

// key is a text that stands for a path in maps: each segment after its length,
// since a segment may hold any byte.
func key(path dtab.Path) string {
	buf := make([]byte, 0, 128)
	for _, segment := range path {
		buf = binary.AppendUvarint(buf, uint64(len(segment)))
		buf = append(buf, segment...)
	}
	return string(buf)
}
