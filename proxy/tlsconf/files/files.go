// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package files reads identities from PEM files, puts them into a tlsconf.Store, and
// follows the files as they change, by whatever means: written in place, renamed over,
// or swapped by a symbolic link as Kubernetes does in volumes of Secrets. What cannot be
// used changes nothing: the last good identity stays in force, and a log line and the
// Store say why. Nothing of a file's content is ever logged.
package files

import (
	"context"
	"crypto/sha256"
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

// Set is identities in files.
type Set struct {
	store *tlsconf.Store
	log   *slog.Logger
	items []*item
}

// item is an identity that is followed. It belongs to the goroutine of Run.
type item struct {
	Identity
	read    *tlsconf.Identity // in force
	sum     [sha256.Size]byte // of the content that read was made of
	problem string            // that was told last; empty: none
}

// Open reads identities, of which several may be the same. An error says of every
// identity that cannot be used which file is wrong, and what to do.
func Open(identities []Identity) (*Set, error) {
	s := &Set{}
	var errs []error
	known := map[string]bool{}
	for _, i := range identities {
		if known[i.Name()] {
			continue
		}
		known[i.Name()] = true
		it := &item{Identity: i}
		if _, err := it.load(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", i.Where, err))
		}
		s.items = append(s.items, it)
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

// put puts an identity into the store.
func (s *Set) put(it *item) {
	s.store.Put(it.Name(), it.read)
	if err := it.read.Check(time.Now()); err != nil {
		s.log.Warn("clients will not trust this identity", "identity", it.Name(), "error", err, "is", it.read)
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

// refresh takes the newest form of an identity, if it can be used.
func (s *Set) refresh(it *item, w *watch) {
	for _, file := range append(slices.Clone(it.Certs), it.Key) {
		w.follow(file) // before it is read, so that no change is missed
	}
	fresh, err := it.load()
	switch {
	case err != nil:
		s.store.Stale(it.Name(), err)
		if problem := err.Error(); it.problem != problem {
			it.problem = problem
			s.log.Warn("identity not taken; the last good one stays in force", "identity", it.Name(), "error", err)
		}
	case fresh:
		s.put(it)
		it.problem = ""
		s.log.Info("identity rotated", "identity", it.Name(), "is", it.read)
	case it.problem != "":
		s.store.Put(it.Name(), it.read)
		it.problem = ""
		s.log.Info("identity is as it was", "identity", it.Name())
	}
}

// load reads the files. It tells whether there is something new in them, that can be used.
func (it *item) load() (fresh bool, err error) {
	var chain []byte
	for _, file := range it.Certs {
		text, err := read(file)
		if err != nil {
			return false, fmt.Errorf("certs: %w", err)
		}
		chain = append(append(chain, text...), '\n')
	}
	key, err := read(it.Key)
	if err != nil {
		return false, fmt.Errorf("privateKey: %w", err)
	}
	sum := sha256.Sum256(slices.Concat(chain, []byte{0}, key))
	if it.read != nil && sum == it.sum {
		return false, nil
	}
	identity, err := tlsconf.Parse(chain, key)
	if err != nil {
		return false, fmt.Errorf("certs %s with privateKey %s: %w", strings.Join(it.Certs, ", "), it.Key, err)
	}
	it.read, it.sum = identity, sum
	return true, nil
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
