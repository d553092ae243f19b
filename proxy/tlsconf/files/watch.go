// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long no event may come before files are read: who writes a
	// certificate in place writes the key next.
	quiet = 100 * time.Millisecond
	// patience bounds that wait.
	patience = 2 * time.Second
	// regularCheck is when files are looked at again without an event. Some file
	// systems give none, and the number of watches is limited.
	regularCheck = 10 * time.Second
	// maxLinks bounds the symbolic links that a name leads through, as the kernel does.
	maxLinks = 40
)

// watch is the directories that files are reached through. Only directories are
// watched: a watched file would be lost when another is renamed over it.
type watch struct {
	watcher   *fsnotify.Watcher // nil: the regular check has to do
	last, now map[string]bool   // directories
}

func newWatch(log *slog.Logger) *watch {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("changes of files are found by looking at them from time to time", "every", regularCheck, "error", err)
		watcher = nil
	}
	return &watch{watcher: watcher, now: map[string]bool{}}
}

func (w *watch) close() {
	if w.watcher != nil {
		_ = w.watcher.Close() // nothing is lost with it
	}
}

// follow watches the directories that a file is reached through, symbolic links
// included. What cannot be watched is left to the regular check.
func (w *watch) follow(file string) {
	file, err := filepath.Abs(file)
	if err != nil || w.watcher == nil {
		return
	}
	for _, dir := range dirs(file) {
		if !w.now[dir] {
			w.now[dir] = true
			// Also if it was watched before: it may have been made anew.
			_ = w.watcher.Add(dir) // see above
		}
	}
}

// turn leaves the directories that no file is reached through any more.
func (w *watch) turn() {
	for dir := range w.last {
		if !w.now[dir] {
			_ = w.watcher.Remove(dir) // an error says that it is gone
		}
	}
	w.last, w.now = w.now, map[string]bool{}
}

// wait returns when it is time to look at the files, false when ctx has ended.
func (w *watch) wait(ctx context.Context) bool {
	var events chan fsnotify.Event
	var lost chan error
	if w.watcher != nil {
		events, lost = w.watcher.Events, w.watcher.Errors
	}
	check, limit, calm := time.After(regularCheck), (<-chan time.Time)(nil), (<-chan time.Time)(nil)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-check:
			return true
		case <-limit:
			return true
		case <-calm:
			return true
		case <-events:
		case <-lost:
		}
		calm = time.After(quiet)
		if limit == nil {
			limit = time.After(patience)
		}
	}
}

// dirs are the directories in which an absolute path depends on an entry that can be
// swapped: the last one, and that of each symbolic link. They end where the path does.
func dirs(file string) (list []string) {
	const root = string(filepath.Separator)
	dir, todo := root, strings.Split(file, root)
	for links := 0; len(todo) > 0; {
		entry := todo[0]
		todo = todo[1:]
		next := filepath.Join(dir, entry) // which takes care of "" and ".."
		info, err := os.Lstat(next)
		if err == nil && info.Mode().Type() != fs.ModeSymlink && len(todo) > 0 {
			dir = next
			continue
		}
		list = append(list, dir)
		target, err := os.Readlink(next) // an error says that it is the end of the way
		if links++; err != nil || links > maxLinks {
			return list
		}
		if filepath.IsAbs(target) {
			dir = root
		}
		todo = append(strings.Split(target, root), todo...)
	}
	return list
}
