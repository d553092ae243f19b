// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// reference binds names as the language is described, without a thought for
// cost: each look-up goes through all rules, each tree is built in full. It
// exists to be compared with.
type reference struct {
	dtab   Dtab
	namers Namers
	steps  int
}

// lookup is what the rules say of a path.
func (r *reference) lookup(p Path) Tree[Path] {
	var results []Weighted[Path]
	for _, e := range slices.Backward(r.dtab) {
		prefix := e.Prefix
		if !prefix.Matches(p) {
			continue
		}
		t := Map(e.Dst, func(leaf Path) Path {
			return append(append(Path{}, leaf...), p[len(prefix):]...)
		})
		results = append(results, Weighted[Path]{Weight: 1, Tree: t})
	}
	switch len(results) {
	case 0:
		return Tree[Path]{}
	case 1:
		return results[0].Tree
	}
	return Tree[Path]{Kind: Alt, Children: results}
}

// resolve is the tree that a path stands for, by the rules or else by the namers.
func (r *reference) resolve(p Path) (Tree[Name], error) {
	if t := r.lookup(p); t.Kind != Neg {
		return Map(t, func(leaf Path) Name { return Name{Path: leaf} }), nil
	}
	switch {
	case len(p) > 1 && p[0] == "#":
		return r.namers.Lookup(p)
	case len(p) > 1 && p[0] == "$":
		return system(p)
	}
	return Tree[Name]{}, nil
}

// bind binds a tree of names at a nesting depth.
func (r *reference) bind(t Tree[Name], depth int, weight *float64) (Tree[Bound], error) {
	switch t.Kind {
	case Leaf:
		return r.bindLeaf(t.Leaf, depth, weight)
	case Alt:
		for _, c := range t.Children {
			if bound, err := r.bind(c.Tree, depth, weight); err != nil || bound.Kind != Neg {
				return bound, err
			}
		}
		return Tree[Bound]{}, nil
	case Union:
		return r.bindUnion(t, depth)
	}
	return Tree[Bound]{Kind: t.Kind}, nil
}

func (r *reference) bindLeaf(n Name, depth int, weight *float64) (Tree[Bound], error) {
	if n.Bound != nil {
		return Tree[Bound]{Kind: Leaf, Leaf: Bound{n.Bound.ID, n.Bound.Residual, weight}}, nil
	}
	if depth >= 100 {
		return Tree[Bound]{}, ErrDepth
	}
	if r.steps--; r.steps < 0 {
		return Tree[Bound]{}, ErrSteps
	}
	t, err := r.resolve(n.Path)
	if err != nil {
		return Tree[Bound]{}, err
	}
	return r.bind(t, depth+1, weight)
}

func (r *reference) bindUnion(t Tree[Name], depth int) (Tree[Bound], error) {
	settled := Tree[Bound]{Kind: Union}
	var failed, pending error
	ok := len(t.Children) == 0
	for _, c := range t.Children {
		bound, err := r.bind(c.Tree, depth, &c.Weight)
		switch {
		case errors.Is(err, ErrSteps):
			return bound, err
		case errors.Is(err, ErrPending):
			pending = err
		case err != nil && failed == nil:
			failed = err
		case err == nil:
			ok = true
			settled.Children = append(settled.Children, Weighted[Bound]{Weight: c.Weight, Tree: bound})
		}
	}
	switch {
	case ok:
		return Simplify(settled), nil
	case failed != nil:
		return Tree[Bound]{}, failed
	}
	return Tree[Bound]{}, pending
}

// compareWithReference binds a path both ways. The reference counts steps but no
// work, so here Bind has no end of that.
func compareWithReference(t *testing.T, d Dtab, p Path) {
	t.Helper()
	const steps = 300
	table := NewTable(d)
	r := reference{dtab: d, namers: testWorld(), steps: steps}
	if want, got := r.lookup(p), table.Lookup(p); !reflect.DeepEqual(want, got) {
		t.Fatalf("%s: %s leads to %s, want %s", d, p, FormatTree(got), FormatTree(want))
	}
	want, wantErr := r.bind(Tree[Name]{Kind: Leaf, Leaf: Name{Path: p}}, 0, nil)
	b := binder{resolver: newResolver(Interpreter{Table: table, Namers: testWorld(), Steps: steps})}
	b.effort = math.MaxInt
	got, gotErr := b.path(p, nil)
	if textOf(innermost(wantErr)) != textOf(innermost(gotErr)) {
		t.Fatalf("%s: %s gives %v, want %v", d, p, gotErr, wantErr)
	}
	// Not cmp.Diff: its cost doubles with each level of a tree.
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%s: %s binds to %s, want %s", d, p, format(got), format(want))
	}
	if !reflect.DeepEqual(Simplify(got), got) {
		t.Fatalf("%s: %s binds to %s, which is not simple", d, p, format(got))
	}
}

func innermost(err error) error {
	if at, ok := errors.AsType[*PathError](err); ok {
		return at.Err
	}
	return err
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// random makes tables that are small enough to loop, to shadow and to meet.
type random struct{ *rand.Rand }

func (r random) path() Path {
	starts := []Path{
		{},
		{"a"},
		{"b"},
		{"c"},
		{"#", "a"},
		{"#", "b"},
		{"#", "gone"},
		{"#", "pending"},
		{"#", "broken"},
		{"#", "to-a"},
		{"#", "both"},
		{"$", "nil"},
		{"$", "fail"},
		{"$", "inet", "1"},
		{"$", "what"},
	}
	p := starts[r.IntN(len(starts))]
	for range r.IntN(3) {
		p = concat(p, Path{string(rune('a' + r.IntN(3)))})
	}
	return p
}

func (r random) prefix() Prefix {
	p := Prefix(r.path())
	if len(p) > 0 && r.IntN(4) == 0 {
		p = append(Prefix{}, p...)
		p[r.IntN(len(p))] = ""
	}
	return p
}

func (r random) tree(depth int) Tree[Path] {
	kind := []Kind{Leaf, Leaf, Leaf, Leaf, Leaf, Neg, Fail, Empty, Alt, Alt, Union, Union}[r.IntN(12)]
	if kind == Leaf || kind > Leaf && depth == 0 {
		return Tree[Path]{Kind: Leaf, Leaf: r.path()}
	}
	t := Tree[Path]{Kind: kind}
	if kind < Leaf {
		return t
	}
	for range 2 + r.IntN(2) {
		t.Children = append(t.Children, Weighted[Path]{Weight: float64(r.IntN(40)) / 8, Tree: r.tree(depth - 1)})
	}
	return t
}

func (r random) dtab() Dtab {
	d := make(Dtab, r.IntN(7))
	for i := range d {
		d[i] = Dentry{Prefix: r.prefix(), Dst: r.tree(2)}
	}
	return d
}

func TestBindAgreesWithTheReference(t *testing.T) {
	r := random{rand.New(rand.NewPCG(1, 2))}
	for range 4000 {
		compareWithReference(t, r.dtab(), r.path())
	}
}
