// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import "errors"

// Name is a leaf of what a namer answers: either a path that is to be resolved
// through the table again, or a bound name.
type Name struct {
	Path  Path   // when Bound is nil
	Bound *Bound // a concrete name
}

// Bound is a concrete name.
type Bound struct {
	ID       Path // names it, such as /#/io.l5d.fs/redis1; names are the same when their IDs are
	Residual Path // what the namer did not consume
	// UnionWeight is set by binding: the weight of the innermost union branch
	// that led to the name, nil if none did. It stays when the rest of the union
	// falls away. (namerd shows it as namer_nametree_weight.)
	UnionWeight *float64
}

// Namers answers for concrete names: paths that begin with /#/. (The names under
// /$/ are this package's own.)
type Namers interface {
	// Lookup answers what the path is bound to: Neg when there is nothing of
	// that name, ErrPending when that is not known yet, another error when it
	// cannot be known.
	Lookup(path Path) (Tree[Name], error)
}

// Interpreter binds names.
type Interpreter struct {
	Table  *Table
	Namers Namers // nil knows nothing
	// Steps bounds the resolutions of one Bind or Delegate. 0 stands for
	// DefaultSteps. What these build and look at is bounded in proportion.
	Steps int
}

const (
	// DefaultSteps is the budget of an Interpreter that sets none.
	DefaultSteps = 10000
	// MaxDepth is how many resolutions may happen one inside the other.
	MaxDepth = 100
	// workPerStep is how many rules, tree nodes and path segments a step may deal
	// with, on average.
	workPerStep = 50
)

// Binding is the result of Bind.
type Binding struct {
	Tree Tree[Bound] // simplified; has no Alt
	// LeftOut are the errors of union branches that were left out because
	// others are settled: loops, namers' errors, ErrPending.
	LeftOut []error
}

// Bind resolves a path until only concrete names are left. The error is a
// *PathError around ErrPending, ErrDepth, ErrSteps, an *UnknownNamerError, or a
// namer's error.
func (in Interpreter) Bind(path Path) (Binding, error) {
	return in.BindTree(Tree[Path]{Kind: Leaf, Leaf: path})
}

// BindTree is Bind for a tree.
func (in Interpreter) BindTree(tree Tree[Path]) (Binding, error) {
	b := binder{resolver: newResolver(in)}
	t, err := bindTree(&b, tree, nil, b.path)
	if err != nil {
		return Binding{}, err
	}
	return Binding{Tree: t, LeftOut: b.leftOut}, nil
}

// binder is one Bind.
type binder struct {
	resolver
	leftOut []error
}

// bindTree binds each leaf with the function given, and settles alternatives and
// unions by what comes of it. weight is that of the innermost union around.
func bindTree[L any](b *binder, t Tree[L], weight *float64, leaf func(L, *float64) (Tree[Bound], error)) (Tree[Bound], error) {
	if err := b.work(1); err != nil {
		return Tree[Bound]{}, err
	}
	switch t.Kind {
	case Leaf:
		return leaf(t.Leaf, weight)
	case Alt:
		return firstOf(len(t.Children), func(i int) (Tree[Bound], error) {
			return bindTree(b, t.Children[i].Tree, weight, leaf)
		})
	case Union:
		return b.union(len(t.Children), func(i int) (float64, Tree[Bound], error) {
			c := &t.Children[i]
			bound, err := bindTree(b, c.Tree, &c.Weight, leaf)
			return c.Weight, bound, err
		})
	}
	return Tree[Bound]{Kind: t.Kind}, nil
}

// firstOf binds alternatives in order until one of them is not Neg. An error
// ends it: what cannot be known is not passed over.
func firstOf(n int, child func(int) (Tree[Bound], error)) (Tree[Bound], error) {
	for i := range n {
		t, err := child(i)
		if err != nil || t.Kind != Neg {
			return t, err
		}
	}
	return Tree[Bound]{Kind: Neg}, nil
}

// union binds all branches. Those that end in an error are left out if any other
// is settled. If none is, the first error that is not ErrPending is the result.
func (b *binder) union(n int, child func(int) (float64, Tree[Bound], error)) (Tree[Bound], error) {
	var settled []Weighted[Bound]
	var failed []error
	for i := range n {
		weight, t, err := child(i)
		switch {
		case errors.Is(err, ErrSteps):
			return Tree[Bound]{}, err
		case err != nil:
			failed = append(failed, err)
		default:
			settled = append(settled, Weighted[Bound]{Weight: weight, Tree: t})
		}
	}
	if len(settled) == 0 && len(failed) > 0 {
		return Tree[Bound]{}, worst(failed)
	}
	b.leftOut = append(b.leftOut, failed...)
	return Simplify(Tree[Bound]{Kind: Union, Children: settled}), nil
}

// worst is the first error that is not ErrPending, or else the first.
func worst(errs []error) error {
	for _, err := range errs {
		if !errors.Is(err, ErrPending) {
			return err
		}
	}
	return errs[0]
}

// path resolves a path and binds what comes of it.
func (b *binder) path(p Path, weight *float64) (Tree[Bound], error) {
	if err := b.enter(p); err != nil {
		return Tree[Bound]{}, err
	}
	defer b.leave()
	var room [8]int32
	matches, err := b.match(p, room[:0])
	if err != nil {
		return Tree[Bound]{}, err
	}
	if len(matches) == 0 || len(matches) == 1 && b.table.dtab[matches[0]].Dst.Kind == Neg {
		return b.concrete(p, weight)
	}
	return firstOf(len(matches), func(i int) (Tree[Bound], error) {
		e := &b.table.dtab[matches[i]]
		rest := p[len(e.Prefix):]
		return bindTree(b, e.Dst, weight, func(leaf Path, weight *float64) (Tree[Bound], error) {
			if err := b.work(len(leaf) + len(rest)); err != nil {
				return Tree[Bound]{}, err
			}
			return b.path(concat(leaf, rest), weight)
		})
	})
}

// concrete binds a path of which no rule says anything.
func (b *binder) concrete(p Path, weight *float64) (Tree[Bound], error) {
	t, err := b.ask(p)
	if err != nil {
		return Tree[Bound]{}, &PathError{Path: p, Err: err}
	}
	return bindTree(b, t, weight, func(n Name, weight *float64) (Tree[Bound], error) {
		if n.Bound == nil {
			return b.path(n.Path, weight)
		}
		bound := *n.Bound
		bound.UnionWeight = weight
		return Tree[Bound]{Kind: Leaf, Leaf: bound}, nil
	})
}
