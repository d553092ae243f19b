// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

// Delegation is a step by step account of how a name is resolved: a tree of all
// rules and alternatives, taken or not, that end in bound names or in nothing.
type Delegation struct {
	Kind NodeKind
	// Path that the node stands for. Where a rule says ~ it is empty.
	Path Path
	// Dentry by which the node was reached, nil if by none. It is part of the
	// table's Dtab, at index Rule.
	Dentry *Dentry
	Rule   int // only with Dentry
	// Children are what Path leads to: one for NodeDelegate and NodeTransformation, two or
	// more for NodeAlt and NodeUnion. Weights are those of a union.
	Children []WeightedDelegation
	Bound    *Bound // of NodeLeaf and NodeTransformation
	Name     string // of what transformed Children[0], for NodeTransformation
	Err      error  // of NodeException
}

// WeightedDelegation is a child of a Delegation.
type WeightedDelegation struct {
	Weight float64
	Tree   *Delegation
}

// NodeKind says what a Delegation is. The values are the types in its JSON form.
type NodeKind string

// The kinds of a Delegation.
const (
	NodeDelegate  NodeKind = "delegate"  // one rule matches
	NodeAlt       NodeKind = "alt"       // several rules match, or a rule has alternatives
	NodeUnion     NodeKind = "union"     // a rule has a union
	NodeLeaf      NodeKind = "leaf"      // a concrete name
	NodeNeg       NodeKind = "neg"       // nothing there
	NodeFail      NodeKind = "fail"      // refused on purpose
	NodeEmpty     NodeKind = "empty"     // exists, and has nobody
	NodeException NodeKind = "exception" // an error, see Err
	// NodeTransformation is a bound name whose addresses a transformer has changed.
	// Binding here makes none; who wraps namers in transformers adds them.
	NodeTransformation NodeKind = "transformation"
)

// simplified drops the steps that say nothing: a delegate around a node of the
// same path (which is then reached by the delegate's rule), and alternatives
// directly inside alternatives of the same path.
func (n *Delegation) simplified() *Delegation {
	result := *n
	result.Children = nil
	for _, c := range n.Children {
		child := c.Tree.simplified()
		if n.Kind == NodeAlt && child.Kind == NodeAlt && child.Path.Equal(n.Path) {
			result.Children = append(result.Children, child.Children...)
			continue
		}
		result.Children = append(result.Children, WeightedDelegation{c.Weight, child})
	}
	switch n.Kind {
	case NodeAlt, NodeUnion:
		if len(result.Children) == 0 {
			result.Kind = NodeNeg
		}
	case NodeDelegate:
		return result.collapsed()
	}
	return &result
}

// collapsed is the only child of a delegate if it says as much, or else the delegate.
func (n *Delegation) collapsed() *Delegation {
	child := *n.Children[0].Tree
	switch {
	case child.Kind == NodeNeg, child.Kind == NodeFail, child.Kind == NodeEmpty, !child.Path.Equal(n.Path):
		return n
	case child.Kind == NodeTransformation:
		return &child
	}
	child.Dentry, child.Rule = n.Dentry, n.Rule
	return &child
}
