// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fs is the namer io.l5d.fs: files of addresses below one directory. A
// name is /#/io.l5d.fs/FILE with any residual, or /#/io.l5d.fs/DIR/FILE; a file
// that is missing is no name. Files are followed as they change, by whatever means:
// written in place, renamed over, or swapped by a symbolic link as Kubernetes does in
// volumes of ConfigMaps.
//
// Nothing outside the directory is read. Symbolic links are followed only as long as they
// are relative and stay inside; others are as if they were missing, and so are
// names with the segments . and .. and anything that is neither a file nor a directory.
package fs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/inet"
)

// Lookuper finds the addresses of a host. *inet.Resolver is one.
type Lookuper interface {
	Lookup(ctx context.Context, host string) inet.Answer
}

// Options of a Namer.
type Options struct {
	// Root is the directory.
	Root string
	// Prefix it is mounted at. None stands for /#/io.l5d.fs.
	Prefix dtab.Path
	// Hosts in files are looked up here. nil is a Resolver over the system's files.
	Hosts Lookuper
}

// Namer answers for files.
type Namer struct {
	root   string
	prefix dtab.Path
	hosts  Lookuper

	mu    sync.Mutex
	start func(*name)        // begins to follow a name; nil while Run does not run; mu guards it
	names map[*name]struct{} // mu guards it
}

// name is a name that somebody follows.
type name struct {
	path   dtab.Path
	dirty  chan struct{}      // has a value when something may have changed
	cancel context.CancelFunc // ends its goroutine; nil until that started; the namer's lock guards it

	mu      sync.Mutex // held during update
	update  func(namer.State)
	stopped bool // update is not called any more; mu guards it
}

// New makes a namer. It is an error if the root is not a directory.
func New(o Options) (*Namer, error) {
	info, err := os.Stat(o.Root)
	if err != nil {
		return nil, fmt.Errorf("open the root of a file namer: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("the root of a file namer is not a directory: %s", o.Root)
	}
	if len(o.Prefix) == 0 {
		o.Prefix = dtab.Path{"#", "io.l5d.fs"}
	}
	if o.Hosts == nil {
		o.Hosts = &inet.Resolver{}
	}
	return &Namer{root: filepath.Clean(o.Root), prefix: o.Prefix, hosts: o.Hosts, names: map[*name]struct{}{}}, nil
}

// Mount is where the namer wants to be in a Table.
func (f *Namer) Mount() namer.Mount { return namer.Mount{Prefix: f.prefix, Namer: f} }

// Run follows files until ctx ends. What was said last stays as it was.
func (f *Namer) Run(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", f.root, err)
	}
	defer watcher.Close()
	dirs := newDirs(watcher)
	var group sync.WaitGroup
	f.begin(func(n *name) {
		ctx, cancel := context.WithCancel(ctx)
		n.cancel = cancel
		group.Go(func() {
			defer cancel()
			f.follow(ctx, n, dirs)
		})
	})
	dirs.dispatch(ctx)
	f.begin(nil)
	group.Wait()
	return nil
}

// begin starts all names, and those to come; nil starts no more.
func (f *Namer) begin(start func(*name)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.start = start; start == nil {
		return
	}
	for n := range f.names {
		start(n)
	}
}

// Watch follows a name.
func (f *Namer) Watch(path dtab.Path, update func(namer.State)) (stop func()) {
	n := &name{path: path, update: update, dirty: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names[n] = struct{}{}
	if f.start != nil {
		f.start(n)
	}
	return func() { f.drop(n) }
}

func (f *Namer) drop(n *name) {
	f.mu.Lock()
	delete(f.names, n)
	if n.cancel != nil {
		n.cancel()
	}
	f.mu.Unlock()

	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
}

// tell hands a state on, unless the name was stopped.
func (n *name) tell(s namer.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopped {
		n.update(s)
	}
}

// mark says that something may have changed.
func (n *name) mark() {
	select {
	case n.dirty <- struct{}{}:
	default: // marked already
	}
}
