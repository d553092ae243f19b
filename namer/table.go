// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namer

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wye-dev/wye/dtab"
)

// Grace is how long a name that nobody wants any more stays watched. A
// translation that turns from one alternative to another and back finds the
// other's state still there.
const Grace = 30 * time.Second

// Mount puts a namer in charge of the paths that begin with Prefix.
type Mount struct {
	Prefix dtab.Path // such as /#/io.l5d.fs; not empty
	Namer  Namer
}

// Table asks each namer for the names that somebody wants, and keeps what it
// answered last. Consumers say which names they want, are told that one of them
// changed, and read all of them in a View.
type Table struct {
	mounts  []Mount
	changed func(consumer string)
	view    viewCell // written with mu held

	mu    sync.Mutex
	names map[string]*name              // key of the path -> name; mu guards it
	wants map[string]map[*name]struct{} // consumer -> what it wants; mu guards it
}

// name is a watched name. The table's lock guards all but path and key.
type name struct {
	path     dtab.Path
	key      string
	wantedBy map[string]struct{} // consumers
	stop     func()              // ends the watch; nil until Watch has returned
	expiry   *time.Timer         // runs while nobody wants the name
	released bool                // nothing more may come of it
}

// NewTable makes a table. It is an error if one mount's prefix begins with
// another's, or is empty (namerd refuses that as well).
//
// changed is called for each consumer that wants a name whose state became known
// or changed; never for equal states in a row. No lock of the table's is held, but
// a namer's may be: changed must not block, and must not call Want. It may be called
// concurrently and more often than needed.
func NewTable(changed func(consumer string), mounts ...Mount) (*Table, error) {
	for i, m := range mounts {
		if len(m.Prefix) == 0 {
			return nil, errors.New("a namer's prefix is empty")
		}
		for _, other := range mounts[:i] {
			if hasPrefix(m.Prefix, other.Prefix) || hasPrefix(other.Prefix, m.Prefix) {
				return nil, fmt.Errorf("the prefixes of two namers overlap: %q and %q", other.Prefix, m.Prefix)
			}
		}
	}
	t := &Table{
		mounts:  slices.Clone(mounts),
		changed: changed,
		names:   map[string]*name{},
		wants:   map[string]map[*name]struct{}{},
	}
	t.view.init()
	return t, nil
}

// View is what is known now. It costs nothing, and never changes.
func (t *Table) View() View { return View{mounts: t.mounts, states: t.view.load()} }

// Want replaces the list of names that a consumer wants; an empty list forgets
// the consumer. Watches start at once and end after Grace. If the list has a
// name that it did not have and whose state is known already, changed is called:
// the View that the consumer used last may be older than that state.
func (t *Table) Want(consumer string, paths []dtab.Path) {
	t.mu.Lock()
	fresh, known := t.replace(consumer, paths)
	t.mu.Unlock()
	for _, n := range fresh {
		t.start(n)
	}
	if known {
		t.changed(consumer)
	}
}

// replace does what Want says. fresh are names whose watch has to be started;
// known tells that a state that is known was added to the list.
func (t *Table) replace(consumer string, paths []dtab.Path) (fresh []*name, known bool) {
	before, now := t.wants[consumer], make(map[*name]struct{}, len(paths))
	for _, path := range paths {
		if mountOf(t.mounts, path) == nil {
			continue // known for good: there is no such name
		}
		k := key(path)
		n := t.names[k]
		if n == nil {
			n = &name{path: slices.Clone(path), key: k, wantedBy: map[string]struct{}{}}
			t.names[k] = n
			fresh = append(fresh, n)
		}
		if _, wanted := before[n]; !wanted {
			n.want(consumer)
			known = known || t.view.load().get(n.key) != nil
		}
		now[n] = struct{}{}
	}
	for n := range before {
		if _, wanted := now[n]; !wanted {
			t.unwant(n, consumer)
		}
	}
	if t.wants[consumer] = now; len(now) == 0 {
		delete(t.wants, consumer)
	}
	return fresh, known
}

func (n *name) want(consumer string) {
	n.wantedBy[consumer] = struct{}{}
	if n.expiry != nil {
		n.expiry.Stop()
		n.expiry = nil
	}
}

func (t *Table) unwant(n *name, consumer string) {
	delete(n.wantedBy, consumer)
	if len(n.wantedBy) == 0 {
		n.expiry = time.AfterFunc(Grace, func() { t.release(n) })
	}
}

// start begins the watch of a name. The namer may answer before Watch returns.
func (t *Table) start(n *name) {
	stop := mountOf(t.mounts, n.path).Namer.Watch(n.path, func(s State) { t.update(n, s) })
	t.mu.Lock()
	n.stop = stop
	released := n.released
	t.mu.Unlock()
	if released {
		stop()
	}
}

// update takes a state from a namer.
func (t *Table) update(n *name, s State) {
	for _, consumer := range t.apply(n, s) {
		t.changed(consumer)
	}
}

// apply keeps a state. It returns the consumers who have to be told.
func (t *Table) apply(n *name, s State) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.view.load().get(n.key); n.released || old != nil && old.Equal(s) {
		return nil
	}
	t.view.set(n.key, &s)
	consumers := make([]string, 0, len(n.wantedBy))
	for consumer := range n.wantedBy {
		consumers = append(consumers, consumer)
	}
	return consumers
}

// release ends the watch of a name that nobody has wanted for Grace.
func (t *Table) release(n *name) {
	t.mu.Lock()
	if len(n.wantedBy) > 0 || n.released {
		t.mu.Unlock()
		return
	}
	n.released = true
	delete(t.names, n.key)
	t.view.drop(n.key)
	stop := n.stop
	t.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// mountOf is the mount in charge of a path, nil if there is none. Prefixes do
// not overlap, so there is at most one.
func mountOf(mounts []Mount, path dtab.Path) *Mount {
	for i := range mounts {
		if hasPrefix(path, mounts[i].Prefix) {
			return &mounts[i]
		}
	}
	return nil
}

func hasPrefix(path, prefix dtab.Path) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}
