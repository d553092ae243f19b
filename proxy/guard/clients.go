// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"sync"
)

const (
	// shards of the clients: those of different shards do not wait for each other.
	shards = 64
	// smallShard is a number of clients for which a shard that has emptied is kept as it is.
	smallShard = 64
)

// clients counts connections by client. It knows those that have any, and no others.
type clients [shards]shard

type shard struct {
	mu     sync.Mutex
	counts map[uint64]uint32 // guarded by mu: key of a client -> its connections
	most   int               // guarded by mu: clients that counts has had room for
	_      [64 - 8 - 8 - 8]byte
}

// keyOf is what a client is known by: an IPv4 address, or the /64 of an IPv6 address,
// which is the least that one customer gets, and all of which is his.
func keyOf(client netip.Addr) uint64 {
	if client.Is4() || client.Is4In6() {
		v4 := client.As4()
		return 0xffff_ffff<<32 | uint64(binary.BigEndian.Uint32(v4[:])) // ffff:… is multicast, and nobody's
	}
	v6 := client.As16()
	return binary.BigEndian.Uint64(v6[:8])
}

func (c *clients) shard(key uint64) *shard {
	return &c[key*0x9e37_79b9_7f4a_7c15>>(64-6)]
}

// enter counts a connection in, unless its client has as many as it may have.
func (c *clients) enter(key uint64, most uint32) bool {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.counts[key]
	if n >= most {
		return false
	}
	if s.counts == nil {
		s.counts = map[uint64]uint32{}
	}
	s.counts[key] = n + 1
	s.most = max(s.most, len(s.counts))
	return true
}

func (c *clients) leave(key uint64) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.counts[key]; n > 1 {
		s.counts[key] = n - 1
		return
	}
	delete(s.counts, key)
	s.shrink()
}

// shrink gives back the room of a shard that has lost most of its clients: a map
// keeps what it once had. s.mu is held.
func (s *shard) shrink() {
	if s.most <= smallShard || len(s.counts) > s.most/4 {
		return
	}
	fewer := make(map[uint64]uint32, len(s.counts))
	maps.Copy(fewer, s.counts)
	s.counts, s.most = fewer, len(fewer)
}
