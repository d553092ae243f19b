// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import "github.com/wye-dev/wye/dtab"

// outcome is what a step comes to, as binding sees it: leaf for whatever gets traffic.
func (s *Step) outcome() dtab.NodeKind {
	if len(s.Next) > 0 && s.end == "" {
		s.end = s.settle()
	}
	return s.end
}

func (s *Step) settle() dtab.NodeKind {
	if s.Kind != Split {
		for _, c := range s.Next {
			if kind := c.outcome(); kind != dtab.NodeNeg {
				return kind
			}
		}
		return dtab.NodeNeg
	}
	failed := 0
	for _, c := range s.Next {
		if c.counts() {
			return dtab.NodeLeaf
		}
		if c.outcome() == dtab.NodeException {
			failed++
		}
	}
	if failed == len(s.Next) {
		return dtab.NodeException
	}
	return dtab.NodeNeg
}

// counts tells whether a branch of a union has a part in it.
func (s *Step) counts() bool {
	switch s.outcome() {
	case dtab.NodeNeg, dtab.NodeFail, dtab.NodeException:
		return false
	}
	return true
}

// flow lets a share of the traffic into a step, with the product of the weights
// up to there, and on to the next. What is not taken has none.
func (s *Step) flow(verdict Verdict, share, product float64) {
	s.Verdict, s.Share, s.Product = verdict, share, product
	if s.Kind == Split {
		s.flowAll()
		return
	}
	open := true
	for i, c := range s.Next {
		switch {
		case !open:
			c.flow(NotTried, 0, product)
		case c.outcome() == dtab.NodeNeg && verdict == Taken && i+1 < len(s.Next):
			c.flow(Nothing, 0, product)
		case c.outcome() == dtab.NodeNeg:
			c.flow(verdict, share, product)
		default:
			open = verdict == NotTried // of which nothing is tried
			c.flow(verdict, share, product)
		}
	}
}

// flowAll splits the traffic between the branches of a union that count.
func (s *Step) flowAll() {
	total, left := 0.0, 0
	for _, c := range s.Next {
		if c.counts() {
			total += *c.Weight
			left++
		}
	}
	for _, c := range s.Next {
		weighted := s.Product * *c.Weight
		switch {
		case s.Verdict == NotTried:
			c.flow(NotTried, 0, weighted)
		case !c.counts():
			c.flow(LeftOut, 0, weighted)
		case left == 1: // takes the place of the union, without its weight
			c.flow(s.Verdict, s.Share, s.Product)
		case total == 0:
			c.flow(s.Verdict, 0, 0)
		default:
			c.flow(s.Verdict, s.Share**c.Weight/total, weighted)
		}
	}
}
