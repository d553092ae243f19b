// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Destination is a bound name with its addresses.
type Destination struct {
	dtab.Bound
	Addr namer.Addr // never pending
}

// Binding follows what a name is bound to.
type Binding struct {
	*follower
	told bool
	last dtab.Tree[dtab.Bound]
}

// Bind follows what a name is bound to.
func (n *Names) Bind(q Query) *Binding { return &Binding{follower: n.follow(q)} }

// Next waits for another tree than the last, with the addresses in it as they are
// now. Trees that differ in their addresses only are the same, as in namerd. An
// error other than ctx's says that the name cannot be bound.
//
// A branch of a union that is not known yet is waited for. (namerd leaves it out
// for a moment, in which the others get its share.)
func (b *Binding) Next(ctx context.Context) (dtab.Tree[Destination], error) {
	var result dtab.Tree[Destination]
	var failed error
	err := b.until(ctx, func(in dtab.Interpreter, l *namer.Lookups) bool {
		tree, err := bind(in, b.query.Path)
		if err != nil {
			failed = err
			return !errors.Is(err, dtab.ErrPending)
		}
		if b.told && equal(tree, b.last) {
			return false
		}
		known := true
		result = dtab.Map(tree, func(bound dtab.Bound) Destination {
			d := Destination{Bound: bound, Addr: l.Addr(bound.ID)}
			known = known && d.Addr.State != namer.AddrPending
			return d
		})
		if known {
			b.told, b.last, failed = true, tree, nil
		}
		return known
	})
	return result, either(err, failed)
}

// bind is the whole tree, or ErrPending.
func bind(in dtab.Interpreter, path dtab.Path) (dtab.Tree[dtab.Bound], error) {
	binding, err := in.Bind(path)
	if err != nil {
		return dtab.Tree[dtab.Bound]{}, err
	}
	for _, err := range binding.LeftOut {
		if errors.Is(err, dtab.ErrPending) {
			return dtab.Tree[dtab.Bound]{}, err
		}
	}
	return binding.Tree, nil
}

// equal tells whether trees are the same to namerd: names are by their IDs.
func equal(a, b dtab.Tree[dtab.Bound]) bool {
	return a.Kind == b.Kind && a.Leaf.ID.Equal(b.Leaf.ID) &&
		slices.EqualFunc(a.Children, b.Children, func(a, b dtab.Weighted[dtab.Bound]) bool {
			return a.Weight == b.Weight && equal(a.Tree, b.Tree)
		})
}

// either is the error of waiting, if there is one.
func either(waiting, evaluating error) error {
	if waiting != nil {
		return waiting
	}
	return evaluating
}

// choose draws one of the destinations that a tree stands for, by weight, nil if
// there are none. If all weights are zero they count the same, as in linkerd.
func choose(t dtab.Tree[dtab.Bound]) *dtab.Bound {
	switch t.Kind {
	case dtab.Leaf:
		return &t.Leaf
	case dtab.Union:
		return choose(draw(t.Children))
	}
	return nil
}

func draw(children []dtab.Weighted[dtab.Bound]) dtab.Tree[dtab.Bound] {
	var sum float64
	for _, c := range children {
		sum += c.Weight
	}
	if sum == 0 {
		return children[rand.IntN(len(children))].Tree
	}
	at := rand.Float64() * sum
	last := 0
	for i, c := range children {
		if c.Weight == 0 {
			continue
		}
		if last = i; at < c.Weight {
			break
		}
		at -= c.Weight
	}
	return children[last].Tree
}
