// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"slices"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// lookups asks Names, and remembers what it asked for.
type lookups struct {
	names   Names
	looked  map[string]dtab.Path // text -> name
	pending bool                 // an answer is awaited
	missing []dtab.Path          // names that do not exist, since the last reset
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
	if state.Tree.Kind == dtab.Neg && !slices.ContainsFunc(l.missing, path.Equal) {
		l.missing = append(l.missing, path)
	}
	return state.Tree, nil
}

// addr is the address set of a bound name. Its state is AddrPending while that
// is awaited.
func (l *lookups) addr(id dtab.Path) namer.Addr {
	state, ok := l.state(id)
	switch {
	case !ok:
		return namer.Addr{State: namer.AddrPending}
	case state.Err != nil:
		return namer.Addr{State: namer.AddrFailed, Cause: state.Err.Error()}
	case state.Tree.Kind != dtab.Leaf:
		// A last good form may hold a name that has gone since.
		return namer.Addr{State: namer.AddrNeg}
	case state.Addr.State == namer.AddrPending:
		l.pending = true
	}
	return state.Addr
}

func (l *lookups) state(path dtab.Path) (namer.State, bool) {
	l.looked[path.String()] = path
	state, ok := l.names.State(path)
	l.pending = l.pending || !ok
	return state, ok
}

// sorted are all names asked for, by their text.
func (l *lookups) sorted() []dtab.Path {
	texts := make([]string, 0, len(l.looked))
	for text := range l.looked {
		texts = append(texts, text)
	}
	slices.Sort(texts)
	paths := make([]dtab.Path, len(texts))
	for i, text := range texts {
		paths[i] = l.looked[text]
	}
	return paths
}

// awaited is the first name of a tree whose addresses are awaited, nil if none
// is. All of them are looked up.
func (t *translation) awaited(tree dtab.Tree[Arm]) dtab.Path {
	var first dtab.Path
	forLeaves(tree, func(a Arm) {
		if t.names.addr(a.ID).State == namer.AddrPending && first == nil {
			first = a.ID
		}
	})
	return first
}

// forLeaves visits the leaves of a tree from left to right.
func forLeaves[L any](tree dtab.Tree[L], visit func(L)) {
	if tree.Kind == dtab.Leaf {
		visit(tree.Leaf)
	}
	for _, c := range tree.Children {
		forLeaves(c.Tree, visit)
	}
}

func leaves[L any](tree dtab.Tree[L]) int {
	n := 0
	forLeaves(tree, func(L) { n++ })
	return n
}
