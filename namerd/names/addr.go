// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"context"
	"errors"
	"fmt"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Addresses follows the addresses of one destination.
type Addresses struct {
	*follower
	concrete bool
	told     bool
	last     namer.Addr

	tree   dtab.Tree[dtab.Bound] // of which chosen was drawn
	drawn  bool
	chosen *dtab.Bound // nil if the tree has no destinations
}

// Resolve follows the addresses of one of the destinations that a name is bound to,
// drawn by weight, and drawn anew when the tree changes. The address is negative
// if there are no destinations.
func (n *Names) Resolve(q Query) *Addresses { return &Addresses{follower: n.follow(q)} }

// Addr follows the addresses of a concrete name. No table applies.
func (n *Names) Addr(path dtab.Path) *Addresses {
	return &Addresses{follower: n.follow(Query{Path: path}), concrete: true}
}

// Next waits for other addresses than the last. An error other than ctx's says that
// the name cannot be bound.
func (a *Addresses) Next(ctx context.Context) (namer.Addr, error) {
	var failed error
	err := a.until(ctx, func(in dtab.Interpreter, l *namer.Lookups) bool {
		tree, err := bind(in, a.query.Path)
		if failed = err; err != nil {
			return !errors.Is(err, dtab.ErrPending)
		}
		var now namer.Addr
		if a.concrete {
			now, failed = concrete(a.query.Path, tree, l)
		} else {
			now = a.draw(tree, l)
		}
		if failed != nil {
			return true
		}
		if now.State == namer.AddrPending || a.told && now.Equal(a.last) {
			return false
		}
		a.told, a.last = true, now
		return true
	})
	return a.last, either(err, failed)
}

// draw chooses a destination if the tree has changed.
func (a *Addresses) draw(tree dtab.Tree[dtab.Bound], l *namer.Lookups) namer.Addr {
	if !a.drawn || !equal(tree, a.tree) {
		a.drawn, a.tree, a.chosen = true, tree, choose(tree)
	}
	if a.chosen == nil {
		return namer.Addr{State: namer.AddrNeg}
	}
	return l.Addr(a.chosen.ID)
}

// concrete is the address of a tree that a concrete name was bound to.
func concrete(path dtab.Path, tree dtab.Tree[dtab.Bound], l *namer.Lookups) (namer.Addr, error) {
	switch tree.Kind {
	case dtab.Leaf:
		return l.Addr(tree.Leaf.ID), nil
	case dtab.Empty:
		return namer.Addr{State: namer.AddrBound}, nil
	case dtab.Neg:
		return namer.Addr{State: namer.AddrNeg}, nil
	case dtab.Fail:
		return namer.Addr{}, errors.New("name tree failed")
	}
	return namer.Addr{}, fmt.Errorf("%s is not a concrete bound id", path)
}
