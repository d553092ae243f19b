// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"path/filepath"
	"time"

	"github.com/wye-dev/wye/namer"
)

const (
	// quiet is how long no event may come before a file is read: who writes a
	// file in place empties it first.
	quiet = 20 * time.Millisecond
	// patience bounds that wait.
	patience = 200 * time.Millisecond
	// regularCheck is when a file is looked at again without an event. Some file
	// systems give none, and the number of watches is limited.
	regularCheck = 10 * time.Second
)

// follow keeps a name up to date until ctx ends.
func (f *Namer) follow(ctx context.Context, n *name, dirs *dirs) {
	trail := trail{name: n, root: f.root, dirs: dirs}
	defer trail.end()
	var (
		last    content
		settled bool // last was read, and everything in it is known
		known   bool // a state was told that is no error
		hosts   = addresses{}
	)
	for {
		now, err := read(f.root, n.path[len(f.prefix):], trail.enter)
		trail.turn()
		switch {
		case err != nil && !known:
			n.tell(namer.State{Err: err})
		case err != nil || settled && now == last:
			// What was told last stands.
		default:
			var state namer.State
			state, settled = f.state(ctx, n.path, now, hosts)
			if ctx.Err() != nil {
				return // a lookup may have been cut short
			}
			n.tell(state)
			last, known = now, true
		}
		if !n.wait(ctx) {
			return
		}
	}
}

// wait returns when it is time to look at the file again, false when ctx has ended.
func (n *name) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(regularCheck):
		return true
	case <-n.dirty:
	}
	limit := time.After(patience)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-limit:
			return true
		case <-time.After(quiet):
			return true
		case <-n.dirty:
		}
	}
}

// trail is the directories that a name leads through.
type trail struct {
	name      *name
	root      string
	dirs      *dirs
	last, now map[string]struct{}
}

func (t *trail) enter(dir string) {
	dir = filepath.Join(t.root, dir)
	if t.now == nil {
		t.now = map[string]struct{}{}
	}
	t.now[dir] = struct{}{}
	t.dirs.enter(dir, t.name)
}

// turn leaves those that the name does not lead through any more.
func (t *trail) turn() {
	for dir := range t.last {
		if _, still := t.now[dir]; !still {
			t.dirs.leave(dir, t.name)
		}
	}
	t.last, t.now = t.now, nil
}

func (t *trail) end() {
	t.turn()
	t.turn()
}
