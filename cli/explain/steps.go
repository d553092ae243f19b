// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/wye-dev/wye/dtab"

// Kind says what a Step is.
type Kind string

// The kinds of steps. A name leads to rules, in the order in which they are
// tried; a rule leads to one step; and the ends are names again.
const (
	Name  Kind = "name"
	By    Kind = "rule"
	First Kind = "first" // alternatives: the first that is not nothing
	Split Kind = "split" // a union: all, by weight
)

// Verdict says what came of a step.
type Verdict string

// The verdicts.
const (
	Taken    Verdict = "taken"     // traffic goes this way, if only to be refused there
	Nothing  Verdict = "nothing"   // nothing there, so the next is tried
	NotTried Verdict = "not-tried" // another has answered before
	LeftOut  Verdict = "left-out"  // a branch that fails, is nothing, or cannot be looked up
)

// Step is one step on the way from a name to concrete names.
type Step struct {
	Kind    Kind    `json:"kind"`
	Name    string  `json:"name,omitempty"`  // of a Name; or ~, ! or $
	Bound   string  `json:"bound,omitempty"` // of a Name that is bound: the concrete name
	Rule    *Rule   `json:"rule,omitempty"`  // of a By
	Verdict Verdict `json:"verdict"`
	// Weight in the union that the step is a branch of; nil outside of unions.
	Weight *float64 `json:"weight,omitempty"`
	// Product of the weights on the way, of unions that more than one branch is left of.
	Product float64 `json:"product"`
	Share   float64 `json:"share"`           // of the traffic, 0 to 1
	State   string  `json:"state,omitempty"` // of a Name that leads no further
	Next    []*Step `json:"next,omitempty"`

	end dtab.NodeKind // what it comes to: leaf, neg, fail, empty or exception; found when it is needed
}

// Rule is a rule and where it stands.
type Rule struct {
	Index int    `json:"index"` // from 0
	Place string `json:"place"`
	Text  string `json:"text"` // with exact weights
}

// steps retells a delegation with verdicts and shares.
func steps(q Question, d *dtab.Delegation) *Step {
	root := retelling{q}.name(d)
	root.flow(Taken, 1, 1)
	return root
}

type retelling struct{ Question }

// name retells a node as a name and the rules for it. (Several rules are
// alternatives in a delegation, as those of a single rule are, and what says the
// same has been put together there: here it is taken apart again.)
func (r retelling) name(d *dtab.Delegation) *Step {
	s := &Step{Kind: Name, Name: d.Path.String()}
	if r.unhidden(s, d) {
		return s
	}
	if len(d.Children) == 0 {
		s.end, s.State = d.Kind, r.state(d)
		if d.Bound != nil {
			s.Bound = d.Bound.ID.String()
		}
		return s
	}
	for rest := d.Children; len(rest) > 0; {
		n := 1
		for n < len(rest) && sameRule(rest[n].Tree, rest[0].Tree) {
			n++
		}
		to := r.within(d, rest[:n])
		if by := rest[0].Tree; by.Dentry != nil {
			s.Next = append(s.Next, &Step{Kind: By, Rule: r.rule(by), Next: []*Step{to}})
		} else {
			s.Next = append(s.Next, to)
		}
		rest = rest[n:]
	}
	return s
}

// unhidden is the one case in which a delegation shows something else than binding
// finds, as it does in linkerd: a single rule that sends a concrete name to ~ does
// not hide it.
func (r retelling) unhidden(s *Step, d *dtab.Delegation) bool {
	if d.Kind != dtab.NodeDelegate || len(d.Path) == 0 || d.Path[0] != "#" && d.Path[0] != "$" {
		return false
	}
	if c := d.Children[0].Tree; c.Kind != dtab.NodeNeg || len(c.Path) > 0 {
		return false
	}
	binding, err := dtab.Interpreter{Namers: r.World}.Bind(d.Path)
	switch {
	case err != nil:
		s.end, s.State = dtab.NodeException, trouble(err)
	case binding.Tree.Kind == dtab.Leaf:
		id := binding.Tree.Leaf.ID
		s.end, s.State, s.Bound = dtab.NodeLeaf, r.World.Fact(id).Text, id.String()
	default:
		return false
	}
	return true
}

func sameRule(a, b *dtab.Delegation) bool {
	return (a.Dentry == nil) == (b.Dentry == nil) && a.Rule == b.Rule
}

func (r retelling) rule(d *dtab.Delegation) *Rule {
	return &Rule{Index: d.Rule, Place: r.Places[d.Rule], Text: d.Dentry.Prefix.String() + " => " + dtab.FormatTreeExact(d.Dentry.Dst)}
}

// within retells what one rule says of the name of a node: the children that
// come by it.
func (r retelling) within(d *dtab.Delegation, children []dtab.WeightedDelegation) *Step {
	if len(children) == 1 && d.Kind != dtab.NodeUnion {
		return r.part(d, children[0].Tree)
	}
	s := &Step{Kind: First}
	if d.Kind == dtab.NodeUnion {
		s.Kind = Split
	}
	for _, c := range children {
		next := r.part(d, c.Tree)
		if s.Kind == Split {
			next.Weight = &c.Weight
		}
		s.Next = append(s.Next, next)
	}
	return s
}

// part retells a child: a part of the same rule's tree, an end that has no name
// of its own, or another name.
func (r retelling) part(d, c *dtab.Delegation) *Step {
	switch c.Kind {
	case dtab.NodeAlt, dtab.NodeUnion:
		if c.Path.Equal(d.Path) && sameRule(c, c.Children[0].Tree) {
			return r.within(c, c.Children)
		}
	case dtab.NodeFail, dtab.NodeEmpty:
		s := r.name(c)
		if c.Path.Equal(d.Path) {
			s.Name = map[dtab.NodeKind]string{dtab.NodeFail: "!", dtab.NodeEmpty: "$"}[c.Kind]
		}
		return s
	case dtab.NodeNeg:
		s := r.name(c)
		if len(c.Path) == 0 {
			s.Name = "~"
		}
		return s
	}
	return r.name(c)
}

// state says what is at the end of a way.
func (r retelling) state(d *dtab.Delegation) string {
	switch d.Kind {
	case dtab.NodeLeaf, dtab.NodeTransformation:
		return r.World.Fact(d.Bound.ID).Text
	case dtab.NodeFail:
		return "fails"
	case dtab.NodeEmpty:
		return "nobody is there"
	case dtab.NodeException:
		return trouble(d.Err)
	}
	switch {
	case len(d.Path) == 0:
		return "nothing, as the rule says"
	case d.Path[0] == "#" || d.Path[0] == "$":
		return r.World.Fact(d.Path).Text
	}
	return "no rule matches"
}
