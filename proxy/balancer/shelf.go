// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Shelf keeps connections to a pool's endpoints ready for clients to come. It knows
// them by their descriptors and does nothing with those. The pools that follow each
// other by one name have one Shelf; somebody else fills it.
type Shelf struct {
	most atomic.Int64  // how many there are to be
	wake chan struct{} // has a value when one may be missing

	mu     sync.Mutex
	ready  []Ready // guarded by mu, in the order in which they came
	closed bool    // guarded by mu
}

// Ready is a connection on a shelf. Its lease is open.
type Ready struct {
	FD    int
	Lease Lease
	Since time.Time
}

// shelf is that of old for n connections, or a new one; nil when n is 0.
func shelf(n int, old *Pool) *Shelf {
	if n == 0 {
		return nil
	}
	s := &Shelf{wake: make(chan struct{}, 1)}
	if old != nil && old.shelf != nil {
		s = old.shelf
	}
	s.most.Store(int64(n))
	return s
}

// Take takes the newest connection to an endpoint that is fit. ok is false when there
// is none.
func (s *Shelf) Take() (r Ready, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := len(s.ready) - 1
	for i >= 0 && !s.ready[i].Lease.Endpoint().Fit() {
		i--
	}
	if i < 0 {
		return Ready{}, false
	}
	r = s.ready[i]
	s.ready = slices.Delete(s.ready, i, i+1)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return r, true
}

// Wake has a value when a connection has been taken.
func (s *Shelf) Wake() <-chan struct{} { return s.wake }

// Len is the number of connections that are ready.
func (s *Shelf) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ready)
}

// Missing is the number of connections that are to be there and are not.
func (s *Shelf) Missing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0
	}
	return max(int(s.most.Load())-len(s.ready), 0)
}

// Put adds a connection. It is false when the shelf is closed.
func (s *Shelf) Put(r Ready) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.ready = append(s.ready, r)
	return true
}

// Sweep takes out those that are not good, and the oldest of those that are too many.
// They are the caller's.
func (s *Shelf) Sweep(good func(Ready) bool) (out []Ready) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.ready[:0]
	for _, r := range s.ready {
		if good(r) {
			rest = append(rest, r)
		} else {
			out = append(out, r)
		}
	}
	if extra := len(rest) - int(s.most.Load()); extra > 0 {
		out = append(out, rest[:extra]...)
		rest = append(rest[:0], rest[extra:]...)
	}
	clear(s.ready[len(rest):])
	s.ready = rest
	return out
}

// Open has connections kept there again, after Close.
func (s *Shelf) Open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = false
}

// Close takes all out, and lets none in until Open. They are the caller's.
func (s *Shelf) Close() []Ready {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.ready
	s.ready, s.closed = nil, true
	return out
}
