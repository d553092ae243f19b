// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// lookups answers from a View, and remembers what it was asked for: that is what
// has to be watched.
type lookups struct {
	view   namer.View
	looked map[string]dtab.Path // text -> name
}

func newLookups(view namer.View) *lookups {
	return &lookups{view: view, looked: map[string]dtab.Path{}}
}

// Lookup makes lookups a dtab.Namers.
func (l *lookups) Lookup(path dtab.Path) (dtab.Tree[dtab.Name], error) {
	state, ok := l.state(path)
	switch {
	case !ok:
		return dtab.Tree[dtab.Name]{}, dtab.ErrPending
	case state.Err != nil:
		return dtab.Tree[dtab.Name]{}, state.Err
	}
	return state.Tree, nil
}

// addr is the address set of a bound name.
func (l *lookups) addr(id dtab.Path) namer.Addr {
	state, ok := l.state(id)
	switch {
	case !ok:
		return namer.Addr{State: namer.AddrPending}
	case state.Err != nil:
		return namer.Addr{State: namer.AddrFailed, Cause: state.Err.Error()}
	case state.Tree.Kind != dtab.Leaf:
		return namer.Addr{State: namer.AddrNeg} // it has just gone
	}
	return state.Addr
}

func (l *lookups) state(path dtab.Path) (namer.State, bool) {
	l.looked[path.String()] = path
	return l.view.State(path)
}

func (l *lookups) paths() []dtab.Path {
	paths := make([]dtab.Path, 0, len(l.looked))
	for _, path := range l.looked {
		paths = append(paths, path)
	}
	return paths
}
