// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"maps"
	"slices"
	"sync"
)

// Board is a Reader of what is posted on it. Whoever waits for a change is woken by a
// closed channel and reads the newest state: nothing is queued for anybody. The
// zero value is empty and ready.
type Board struct {
	mu    sync.RWMutex
	slots map[string]slot // namespace -> slot; mu guards it
	names []string        // sorted; nil until somebody asks again; never changed; mu guards it
	other chan struct{}   // closed when there are other namespaces; nil if nobody waits; mu guards it
}

type slot struct {
	entry    *Entry
	replaced chan struct{} // closed when the entry is not the newest any more
}

// Get makes a Board a Reader.
func (b *Board) Get(namespace string) (*Entry, <-chan struct{}) {
	b.mu.RLock()
	s, ok := b.slots[namespace]
	b.mu.RUnlock()
	if ok {
		return s.entry, s.replaced
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s, ok := b.slots[namespace]; ok {
		return s.entry, s.replaced
	}
	// No channel for each name that somebody asks for: it would stay for ever.
	return nil, b.others()
}

// List makes a Board a Reader.
func (b *Board) List() ([]string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.names == nil {
		b.names = slices.AppendSeq(make([]string, 0, len(b.slots)), maps.Keys(b.slots))
		slices.Sort(b.names)
	}
	return b.names, b.others()
}

// others is the channel that waits for other namespaces. The caller holds mu.
func (b *Board) others() <-chan struct{} {
	if b.other == nil {
		b.other = make(chan struct{})
	}
	return b.other
}

// Post replaces the entry of a namespace; nil removes it.
func (b *Board) Post(namespace string, entry *Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, had := b.slots[namespace]
	if had {
		close(old.replaced)
	}
	switch {
	case entry == nil:
		delete(b.slots, namespace)
	case b.slots == nil:
		b.slots = map[string]slot{namespace: {entry, make(chan struct{})}}
	default:
		b.slots[namespace] = slot{entry, make(chan struct{})}
	}
	if had == (entry != nil) {
		return
	}
	b.names = nil
	if b.other != nil {
		close(b.other)
		b.other = nil
	}
}
