// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Store holds identities, and bundles of what is trusted, by name. The zero Store is
// empty. It may be used by many goroutines.
type Store struct {
	mu      sync.Mutex
	slots   map[string]*slot  // name -> identity; guarded by mu
	bundles map[string]*shelf // name -> bundle; guarded by mu
}

// shelf is the place of a bundle, which configs keep.
type shelf struct {
	current atomic.Pointer[Bundle] // not nil
}

// slot is the place of an identity, which configs keep.
type slot struct {
	current atomic.Pointer[Identity] // not nil
	stale   error                    // guarded by the store's mu
}

// Put makes an identity the one of that name, from the next handshake on.
func (s *Store) Put(name string, identity *Identity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.slots[name]
	if known == nil {
		known = &slot{}
		if s.slots == nil {
			s.slots = map[string]*slot{}
		}
		s.slots[name] = known
	}
	known.current.Store(identity)
	known.stale = nil
}

// Stale notes why the newest form of an identity is not in force. The last that was
// put stays, until another is.
func (s *Store) Stale(name string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.slots[name]; known != nil {
		known.stale = why
	}
}

func (s *Store) find(name string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[name]
}

// State of an identity, without its key.
type State struct {
	Name    string
	Expires time.Time
	Stale   error // why the newest form is not in force; nil: it is
}

// States are those of all identities, sorted by name.
func (s *Store) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]State, 0, len(s.slots))
	for name, known := range s.slots {
		states = append(states, State{name, known.current.Load().Expires, known.stale})
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return states
}
