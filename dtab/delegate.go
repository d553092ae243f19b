// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import "errors"

// Delegate resolves a path without taking short cuts. Errors below alternatives
// and unions, and those of namers, are part of the result. The error is a
// *PathError around ErrPending (all names have been asked for), ErrSteps, or an
// error that is ErrDepth.
//
// As in linkerd it differs from Bind in one case: of a concrete name that a
// single rule sends to ~ it shows that ~, where Bind asks the namers all the same.
func (in Interpreter) Delegate(path Path) (*Delegation, error) {
	d := delegator{resolver: newResolver(in)}
	node, err := d.path(path, reached{})
	if err == nil {
		err = d.pending
	}
	if err != nil {
		return nil, err
	}
	return node.simplified(), nil
}

// delegator is one Delegate.
type delegator struct {
	resolver
	pending error // the first, nil if there is none
}

// reached is how one comes to a path: by a rule, or by none.
type reached struct {
	dentry *Dentry
	rule   int
}

func (by reached) node(kind NodeKind, p Path, children ...WeightedDelegation) *Delegation {
	return &Delegation{Kind: kind, Path: p, Dentry: by.dentry, Rule: by.rule, Children: children}
}

func (by reached) exception(p Path, err error) *Delegation {
	node := by.node(NodeException, p)
	node.Err = err
	return node
}

// path shows the resolution of a path.
func (d *delegator) path(p Path, by reached) (*Delegation, error) {
	if err := d.enter(p); err != nil {
		return nil, inDelegation(err)
	}
	defer d.leave()
	matches, err := d.match(p, nil)
	if err != nil {
		return nil, err
	}
	switch len(matches) {
	case 0:
		return d.concrete(p, by)
	case 1:
		child, err := d.rule(p, matches[0])
		return by.node(NodeDelegate, p, WeightedDelegation{1, child}), err
	}
	node := by.node(NodeAlt, p)
	for _, index := range matches {
		child, err := d.rule(p, index)
		if err := node.add(1, child, err); err != nil {
			return nil, err
		}
	}
	return node, nil
}

// rule shows what becomes of a path by one rule that matches it.
func (d *delegator) rule(p Path, index int32) (*Delegation, error) {
	e := &d.table.dtab[index]
	by := reached{dentry: e, rule: int(index)}
	rest := p[len(e.Prefix):]
	return delegateTree(d, e.Dst, p, by, func(leaf Path) (*Delegation, error) {
		if err := d.work(len(leaf) + len(rest)); err != nil {
			return nil, err
		}
		return d.path(concat(leaf, rest), by)
	})
}

// concrete shows what namers say of a path.
func (d *delegator) concrete(p Path, by reached) (*Delegation, error) {
	t, err := d.ask(p)
	switch {
	case errors.Is(err, ErrPending):
		if d.pending == nil {
			d.pending = &PathError{Path: p, Err: err}
		}
		return by.node(NodeNeg, p), nil
	case err != nil:
		return by.exception(p, &PathError{Path: p, Err: err}), nil //nolint:nilerr // the result shows it
	case t.Kind == Neg:
		return by.node(NodeNeg, p), nil
	}
	return delegateTree(d, t, p, by, func(n Name) (*Delegation, error) {
		if n.Bound == nil {
			return d.path(n.Path, by)
		}
		node := by.node(NodeLeaf, p)
		node.Bound = n.Bound
		return node, nil
	})
}

// delegateTree shows a tree that the path p led to; leaf shows its leaves.
func delegateTree[L any](d *delegator, t Tree[L], p Path, by reached, leaf func(L) (*Delegation, error)) (*Delegation, error) {
	if err := d.work(1); err != nil {
		return nil, err
	}
	switch t.Kind {
	case Leaf:
		return leaf(t.Leaf)
	case Fail:
		return by.node(NodeFail, p), nil
	case Empty:
		return by.node(NodeEmpty, p), nil
	case Alt, Union:
		return delegateChildren(d, t, p, by, leaf)
	}
	return by.node(NodeNeg, Path{}), nil
}

func delegateChildren[L any](d *delegator, t Tree[L], p Path, by reached, leaf func(L) (*Delegation, error)) (*Delegation, error) {
	if len(t.Children) == 1 {
		child, err := delegateTree(d, t.Children[0].Tree, p, by, leaf)
		return by.node(NodeDelegate, p, WeightedDelegation{1, child}), err
	}
	node := by.node(NodeAlt, p)
	if t.Kind == Union {
		node.Kind = NodeUnion
	}
	for _, c := range t.Children {
		child, err := delegateTree(d, c.Tree, p, by, leaf)
		if err := node.add(c.Weight, child, err); err != nil {
			return nil, err
		}
	}
	return node, nil
}

// add adds a child to alternatives or a union. If it failed, an exception takes
// its place, except that a spent budget ends it all.
func (n *Delegation) add(weight float64, child *Delegation, err error) error {
	if errors.Is(err, ErrSteps) {
		return err
	}
	if err != nil {
		child = reached{n.Dentry, n.Rule}.exception(n.Path, err)
	}
	n.Children = append(n.Children, WeightedDelegation{weight, child})
	return nil
}

// delegateDepth is ErrDepth in the words that linkerd has for delegation.
type delegateDepth struct{}

func (delegateDepth) Error() string { return "Max recursion level reached." }

func (delegateDepth) Is(target error) bool { return target == ErrDepth }

// inDelegation gives an error of resolving the text that it has in a delegation.
func inDelegation(err error) error {
	var at *PathError
	if errors.As(err, &at) && errors.Is(err, ErrDepth) {
		at.Err = delegateDepth{}
	}
	return err
}
