// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package resolve says what is known of a name that a proxy follows: where its
// connections go and, if that cannot be told any more, why. The folders below find
// it out, from a namerd or by this process itself. Nothing here does IO.
package resolve

import (
	"slices"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// State is what is known of a name.
type State struct {
	// Answer is the newest that was good; nil before the first. It is another
	// value only if it says something else.
	Answer *Answer
	// Err says why there is no answer, or none that is newer; nil while all is well.
	Err error

	// Counts since the beginning: of what was learned and all well, and of what
	// went wrong.
	Answers, Failures uint64
}

// Answer is what a name is bound to. It never changes.
type Answer struct {
	// Tree is of concrete names.
	Tree dtab.Tree[dtab.Path]
	// Endpoints are the addresses of each name in Tree, by its text. A name may
	// have none.
	Endpoints map[string][]namer.Endpoint
}

// Equal tells whether a and b say the same; nil says nothing.
func (a *Answer) Equal(b *Answer) bool {
	if a == nil || b == nil {
		return a == b
	}
	if !equalTree(a.Tree, b.Tree) || len(a.Endpoints) != len(b.Endpoints) {
		return false
	}
	for name, endpoints := range a.Endpoints {
		other, ok := b.Endpoints[name]
		if !ok || !slices.EqualFunc(endpoints, other, namer.Endpoint.Equal) {
			return false
		}
	}
	return true
}

func equalTree(a, b dtab.Tree[dtab.Path]) bool {
	return a.Kind == b.Kind && a.Leaf.Equal(b.Leaf) &&
		slices.EqualFunc(a.Children, b.Children, func(a, b dtab.Weighted[dtab.Path]) bool {
			return a.Weight == b.Weight && equalTree(a.Tree, b.Tree)
		})
}

// ForNames calls do for each concrete name of a tree, from left to right.
func ForNames[L any](t dtab.Tree[L], do func(L)) {
	if t.Kind == dtab.Leaf {
		do(t.Leaf)
	}
	for _, c := range t.Children {
		ForNames(c.Tree, do)
	}
}
