// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namer

import "github.com/wye-dev/wye/dtab"

// Lookups answers from a View, and remembers what it was asked for: that is what
// has to be watched. It is not for concurrent use.
type Lookups struct {
	view   View
	looked map[string]dtab.Path // text -> name
}

// Lookups in the view, none so far.
func (v View) Lookups() *Lookups { return &Lookups{view: v, looked: map[string]dtab.Path{}} }

// Lookup makes Lookups a dtab.Namers.
func (l *Lookups) Lookup(path dtab.Path) (dtab.Tree[dtab.Name], error) {
	state, ok := l.state(path)
	switch {
	case !ok:
		return dtab.Tree[dtab.Name]{}, dtab.ErrPending
	case state.Err != nil:
		return dtab.Tree[dtab.Name]{}, state.Err
	}
	return state.Tree, nil
}

// Addr is the address set of a bound name.
func (l *Lookups) Addr(id dtab.Path) Addr {
	state, ok := l.state(id)
	switch {
	case !ok:
		return Addr{State: AddrPending}
	case state.Err != nil:
		return Addr{State: AddrFailed, Cause: state.Err.Error()}
	case state.Tree.Kind != dtab.Leaf:
		return Addr{State: AddrNeg} // it has just gone
	}
	return state.Addr
}

func (l *Lookups) state(path dtab.Path) (State, bool) {
	l.looked[path.String()] = path
	return l.view.State(path)
}

// Paths are all names that were asked for, in no order.
func (l *Lookups) Paths() []dtab.Path {
	paths := make([]dtab.Path, 0, len(l.looked))
	for _, path := range l.looked {
		paths = append(paths, path)
	}
	return paths
}
