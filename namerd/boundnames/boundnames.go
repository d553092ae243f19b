// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package boundnames lists the names that file namers know: what lies at the top of
// their directories, files and directories alike. It reads the directories, never
// the files, and follows changes. Names that begin with two dots are left out, since
// Kubernetes keeps its own books under these in volumes of ConfigMaps.
package boundnames

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/wye-dev/wye/dtab"
)

const (
	// quiet is how long a directory is left alone after an event.
	quiet = 20 * time.Millisecond
	// regularCheck is when directories are read again without an event.
	regularCheck = 10 * time.Second
)

// Root is the directory of a file namer, and where the namer is mounted.
type Root struct {
	Dir    string
	Prefix dtab.Path
}

// Files are the names that file namers know.
type Files struct {
	roots []Root

	mu      sync.Mutex
	names   []dtab.Path   // sorted by text; replaced, never changed; mu guards it
	changed chan struct{} // closed when names are others; mu guards it
}

// New reads the directories.
func New(roots ...Root) *Files {
	f := &Files{roots: roots, changed: make(chan struct{})}
	f.read()
	return f
}

// Names makes Files a namerd.Enumerator.
func (f *Files) Names() ([]dtab.Path, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names, f.changed
}

// Run follows the directories until ctx ends.
func (f *Files) Run(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch for names: %w", err)
	}
	defer watcher.Close()
	for {
		for _, root := range f.roots {
			_ = watcher.Add(root.Dir) // again, for it may be another; the regular check is there for those that cannot be watched
		}
		f.read()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(regularCheck):
			continue
		case <-watcher.Errors:
		case <-watcher.Events:
		}
		f.settle(ctx, watcher)
	}
}

// settle takes the events that follow on one.
func (f *Files) settle(ctx context.Context, watcher *fsnotify.Watcher) {
	for end := time.After(quiet); ; {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-watcher.Errors:
		case <-watcher.Events:
		}
	}
}

func (f *Files) read() {
	names := []dtab.Path{}
	for _, root := range f.roots {
		names = append(names, root.names()...)
	}
	slices.SortFunc(names, func(a, b dtab.Path) int { return strings.Compare(a.String(), b.String()) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names != nil && slices.EqualFunc(names, f.names, dtab.Path.Equal) {
		return
	}
	f.names = names
	close(f.changed)
	f.changed = make(chan struct{})
}

// names are those in a directory, none if it cannot be read.
func (r Root) names() []dtab.Path {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return nil
	}
	defer root.Close()
	dir, err := root.Open(".")
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var names []dtab.Path
	for _, entry := range entries {
		if strings.HasPrefix(entry, "..") {
			continue
		}
		info, err := root.Stat(entry) // of what links lead to, within the root
		if err == nil && (info.IsDir() || info.Mode().IsRegular()) {
			names = append(names, append(slices.Clone(r.Prefix), entry))
		}
	}
	return names
}
