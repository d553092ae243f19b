// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package files reads identities and trust bundles from PEM files, puts them into a
// tlsconf.Store, and follows the files as they change, by whatever means: written in
// place, renamed over, or swapped by a symbolic link as Kubernetes does in volumes of
// Secrets. What cannot be used changes nothing: the last good form stays in force, and a
// log line and the Store say why. Nothing of a file's content is ever logged.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wye-dev/wye/proxy/tlsconf"
)

// maxFile is how many bytes of a file are read at most.
const maxFile = 1 << 20

// Identity says in which files an identity is.
type Identity struct {
	Where string   // it was asked for, which errors begin with
	Certs []string // the server's own first, each with any number of certificates
	Key   string
}

// Name is the identity's name in the Store: its files, by commas.
func (i Identity) Name() string {
	names := append(slices.Clone(i.Certs), i.Key)
	for n, name := range names {
		names[n] = strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(name)
	}
	return strings.Join(names, ",")
}

// Bundle says in which files the certificates of authorities are. Without files nobody
// is trusted.
type Bundle struct {
	Where string // it was asked for, which errors begin with
	Files []string
}

// Name is the bundle's name in the Store.
func (b Bundle) Name() string {
	if len(b.Files) == 0 {
		return "nobody"
	}
	return Identity{Certs: b.Files[1:], Key: b.Files[0]}.Name()
}

// Set is identities and bundles in files.
type Set struct {
	store *tlsconf.Store
	log   *slog.Logger
	items []*item
}

// Open reads identities and bundles, of which several may be the same. An error says of
// every one that cannot be used which file is wrong, and what to do.
func Open(identities []Identity, bundles []Bundle) (*Set, error) {
	s := &Set{}
	var errs []error
	known := map[string]bool{}
	add := func(it *item) {
		if known[it.kind+it.name] {
			return
		}
		known[it.kind+it.name] = true
		if _, err := it.load(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", it.where, err))
		}
		s.items = append(s.items, it)
	}
	for _, i := range identities {
		add(i.item())
	}
	for _, b := range bundles {
		add(b.item())
	}
	return s, errors.Join(errs...)
}

// Serve puts what Open has read into a store, which Run keeps up to date.
func (s *Set) Serve(store *tlsconf.Store, log *slog.Logger) {
	s.store, s.log = store, log
	for _, it := range s.items {
		s.put(it)
	}
}

// put puts what an item is into the store.
func (s *Set) put(it *item) {
	it.read.put(s.store, it.name)
	if err := it.read.check(time.Now()); err != nil {
		s.log.Warn("clients will not trust this identity", it.kind, it.name, "error", err, "is", it.read)
	}
}

// Run follows the files until ctx ends, after Serve.
func (s *Set) Run(ctx context.Context) {
	if len(s.items) == 0 {
		return
	}
	w := newWatch(s.log)
	defer w.close()
	for {
		for _, it := range s.items {
			s.refresh(it, w)
		}
		w.turn()
		if !w.wait(ctx) {
			return
		}
	}
}

// refresh takes the newest form of an item, if it can be used.
func (s *Set) refresh(it *item, w *watch) {
	for _, part := range it.parts {
		w.follow(part.file) // before it is read, so that no change is missed
	}
	fresh, err := it.load()
	switch {
	case err != nil:
		it.read.stale(s.store, it.name, err)
		if problem := err.Error(); it.problem != problem {
			it.problem = problem
			s.log.Warn(it.kind+" not taken; the last good one stays in force", it.kind, it.name, "error", err)
		}
	case fresh:
		s.put(it)
		it.problem = ""
		s.log.Info(it.kind+" rotated", it.kind, it.name, "is", it.read)
	case it.problem != "":
		it.read.put(s.store, it.name)
		it.problem = ""
		s.log.Info(it.kind+" is as it was", it.kind, it.name)
	}
}

// read reads a file. The error says what to do.
func read(name string) ([]byte, error) {
	text, err := readRegular(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: write the file, or name another", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: let user %d read it", err, os.Getuid())
	case err == nil && len(text) > maxFile:
		return nil, fmt.Errorf("%s has more than %d bytes: leave only what is needed in it", name, maxFile)
	}
	return text, err
}

// readRegular reads maxFile+1 bytes at most.
func readRegular(name string) ([]byte, error) {
	info, err := os.Stat(name) // first, for to open a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: name one that can be read again when it changes", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile+1))
}
