// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"slices"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
)

// surveyed is how many connections are looked at before others have their turn.
const surveyed = 2048

// resident is a connection as others know it: it may have ended meanwhile, and its
// place may be another's.
type resident struct {
	loop  *loop
	index int32
	id    uint64
}

// Migrate is the migration.Connection's.
func (r resident) Migrate() {
	r.loop.post(letter{do: func() {
		if c := r.loop.slab.at(r.index); c.id == r.id && c.phase == relaying && c.arm.Stale() {
			r.loop.finish(c, flow.Migrated, nil)
		}
	}})
}

// Established is the migration.Connections'.
func (d *Driver) Established(arms []*metrics.Arm, most int, quietest bool) []migration.Connection {
	all := migration.NewShortlist[resident](most, quietest)
	done := make(chan *survey, len(d.loops))
	for _, l := range d.loops {
		s := &survey{loop: l, arms: arms, done: done, found: migration.NewShortlist[resident](most, quietest)}
		l.post(letter{do: s.proceed})
	}
	for range d.loops {
		all.OfferAll((<-done).found)
	}
	var conns []migration.Connection
	for _, r := range all.Take() {
		conns = append(conns, r)
	}
	return conns
}

// survey looks for connections of arms among those of a loop, some at a time.
type survey struct {
	loop  *loop
	arms  []*metrics.Arm
	next  int // index in the slab
	found *migration.Shortlist[resident]
	done  chan<- *survey
}

// proceed is run by the loop.
func (s *survey) proceed() {
	l := s.loop
	all := len(l.slab.chunks) * chunk
	for end := min(all, s.next+surveyed); s.next < end; s.next++ {
		c := l.slab.at(int32(s.next))
		if c.phase == relaying && slices.Contains(s.arms, c.arm) {
			s.found.Offer(l.now-c.last, resident{l, c.index, c.id})
		}
	}
	if s.next < all && !s.found.Full() {
		l.post(letter{do: s.proceed})
		return
	}
	s.done <- s
}
