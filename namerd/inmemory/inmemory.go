// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inmemory is namerd's storage io.l5d.inMemory: tables are kept, with
// their exact weights, until the process ends.
package inmemory

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd"
)

// Store keeps tables.
type Store struct {
	namerd.Board

	mu       sync.Mutex        // held during writes
	versions map[string]uint64 // namespace -> version; mu guards it
}

// New makes a store with some tables, each of version 1.
func New(tables map[string]dtab.Dtab) *Store {
	s := &Store{versions: map[string]uint64{}}
	for namespace, table := range tables {
		s.put(namespace, table)
	}
	return s
}

// Create makes Store a namerd.Writer. The first version of a table is 1, also of
// one that was deleted before.
func (s *Store) Create(_ context.Context, namespace string, table dtab.Dtab) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions[namespace] != 0 {
		return namerd.ErrExists
	}
	s.put(namespace, table)
	return nil
}

// Put makes Store a namerd.Writer. An equal table is a new version, too.
func (s *Store) Put(_ context.Context, namespace string, table dtab.Dtab, version []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version != nil {
		switch now := s.versions[namespace]; {
		case now == 0:
			return namerd.ErrNotFound
		case !bytes.Equal(version, encode(now)):
			return namerd.ErrMismatch
		}
	}
	s.put(namespace, table)
	return nil
}

// Delete makes Store a namerd.Writer.
func (s *Store) Delete(_ context.Context, namespace string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.versions[namespace] == 0 {
		return namerd.ErrNotFound
	}
	delete(s.versions, namespace)
	s.Post(namespace, nil)
	return nil
}

// put is the end of every write that is allowed.
func (s *Store) put(namespace string, table dtab.Dtab) {
	s.versions[namespace]++
	s.Post(namespace, &namerd.Entry{Table: dtab.NewTable(table), Version: encode(s.versions[namespace])})
}

// encode is the form of a version: 8 bytes, as linkerd has it.
func encode(version uint64) []byte { return binary.BigEndian.AppendUint64(nil, version) }
