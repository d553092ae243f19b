// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

// Kind says what a Tree is.
type Kind uint8

// The kinds of a Tree. Neg is the zero value: no such name.
const (
	Neg   Kind = iota // no such name
	Fail              // refused on purpose
	Empty             // exists, and has nobody
	Leaf              // a destination
	Alt               // the first child that is not Neg
	Union             // all children, by weight
)

// String is the name of the kind, as in the JSON of namerd.
func (k Kind) String() string {
	switch k {
	case Neg:
		return "neg"
	case Fail:
		return "fail"
	case Empty:
		return "empty"
	case Leaf:
		return "leaf"
	case Alt:
		return "alt"
	case Union:
		return "union"
	}
	return "unknown"
}

// Tree is a name tree. The zero value is Neg. Trees are immutable once built.
type Tree[L any] struct {
	Kind     Kind
	Leaf     L             // for Kind Leaf
	Children []Weighted[L] // for Alt (weights mean nothing) and Union
}

// Weighted is a child of a Union or an Alt.
type Weighted[L any] struct {
	Weight float64 // at least 0 and finite; 1 in an Alt that this package built
	Tree   Tree[L]
}

// Map replaces each leaf of a tree.
func Map[L, M any](t Tree[L], f func(L) M) Tree[M] {
	switch t.Kind {
	case Leaf:
		return Tree[M]{Kind: Leaf, Leaf: f(t.Leaf)}
	case Alt, Union:
		children := make([]Weighted[M], len(t.Children))
		for i, c := range t.Children {
			children[i] = Weighted[M]{Weight: c.Weight, Tree: Map(c.Tree, f)}
		}
		return Tree[M]{Kind: t.Kind, Children: children}
	}
	return Tree[M]{Kind: t.Kind}
}

// Simplify drops what can have no effect. Of alternatives: Neg, and all that
// follows a Fail. Of a union: Neg and Fail, so that a union of nothing but Fail
// is Neg. No child left is Neg; a single one takes the place of its parent,
// without its weight. Simplifying twice changes nothing more.
func Simplify[L any](t Tree[L]) Tree[L] {
	switch t.Kind {
	case Alt:
		return shrink(Alt, simplifyAlt(t.Children))
	case Union:
		return shrink(Union, simplifyUnion(t.Children))
	}
	return t
}

func simplifyAlt[L any](children []Weighted[L]) []Weighted[L] {
	var kept []Weighted[L]
	for _, c := range children {
		t := Simplify(c.Tree)
		if t.Kind != Neg {
			kept = append(kept, Weighted[L]{Weight: c.Weight, Tree: t})
		}
		if t.Kind == Fail {
			break
		}
	}
	return kept
}

func simplifyUnion[L any](children []Weighted[L]) []Weighted[L] {
	var kept []Weighted[L]
	for _, c := range children {
		t := Simplify(c.Tree)
		if t.Kind != Neg && t.Kind != Fail {
			kept = append(kept, Weighted[L]{Weight: c.Weight, Tree: t})
		}
	}
	return kept
}

// shrink is a tree of the given kind, or less if it has fewer than two children.
func shrink[L any](kind Kind, children []Weighted[L]) Tree[L] {
	switch len(children) {
	case 0:
		return Tree[L]{Kind: Neg}
	case 1:
		return children[0].Tree
	}
	return Tree[L]{Kind: kind, Children: children}
}

// Eval is the leaves that a tree stands for: of alternatives those of the first
// child that is not Neg, of a union those of all children but Neg and Fail. ok
// is false when the tree comes to Neg or Fail; an Empty is ok and has no leaves.
// Weights are left aside, and a leaf that occurs twice comes twice.
func Eval[L any](t Tree[L]) (leaves []L, ok bool) {
	leaves, kind := eval(t)
	return leaves, kind == Leaf
}

// eval gives the leaves and one of Neg, Fail and Leaf, the last standing for all that exists.
func eval[L any](t Tree[L]) ([]L, Kind) {
	switch t.Kind {
	case Leaf:
		return []L{t.Leaf}, Leaf
	case Empty:
		return nil, Leaf
	case Alt:
		for _, c := range t.Children {
			if leaves, kind := eval(c.Tree); kind != Neg {
				return leaves, kind
			}
		}
		return nil, Neg
	case Union:
		return evalUnion(t.Children)
	}
	return nil, t.Kind
}

func evalUnion[L any](children []Weighted[L]) ([]L, Kind) {
	var all []L
	result := Neg
	for _, c := range children {
		if leaves, kind := eval(c.Tree); kind == Leaf {
			all = append(all, leaves...)
			result = Leaf
		}
	}
	return all, result
}
