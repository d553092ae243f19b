// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// dirs are the watched directories, each for the names that lead through it.
// Only directories are watched: a watched file would be lost when another is
// renamed over it.
type dirs struct {
	watcher *fsnotify.Watcher

	// edit is held while names and the watcher are brought in line. mu is not
	// held meanwhile, for the watcher may wait for dispatch.
	edit  sync.Mutex
	mu    sync.Mutex
	names map[string]map[*name]struct{} // directory -> names; mu guards it
}

func newDirs(watcher *fsnotify.Watcher) *dirs {
	return &dirs{watcher: watcher, names: map[string]map[*name]struct{}{}}
}

// enter has a name marked when something changes in a directory from now on. A
// directory that was removed and made again must be entered again. One that cannot
// be watched (it is gone, or the system's limit of watches is reached) is left to the
// regular check.
func (d *dirs) enter(dir string, n *name) {
	d.edit.Lock()
	defer d.edit.Unlock()
	d.mu.Lock()
	if d.names[dir] == nil {
		d.names[dir] = map[*name]struct{}{}
	}
	d.names[dir][n] = struct{}{}
	d.mu.Unlock()
	_ = d.watcher.Add(dir) // see above
}

// leave is the end of enter.
func (d *dirs) leave(dir string, n *name) {
	d.edit.Lock()
	defer d.edit.Unlock()
	d.mu.Lock()
	delete(d.names[dir], n)
	unused := len(d.names[dir]) == 0
	if unused {
		delete(d.names, dir)
	}
	d.mu.Unlock()
	if unused {
		_ = d.watcher.Remove(dir) // an error says that it was gone already
	}
}

// dispatch marks names as events come, until ctx ends.
func (d *dirs) dispatch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-d.watcher.Events:
			d.mark(filepath.Dir(event.Name))
			d.mark(event.Name) // an event of the directory itself
		case <-d.watcher.Errors: // events were lost
			d.markAll()
		}
	}
}

func (d *dirs) mark(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n := range d.names[dir] {
		n.mark()
	}
}

func (d *dirs) markAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, names := range d.names {
		for n := range names {
			n.mark()
		}
	}
}
