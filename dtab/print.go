// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"strconv"
	"strings"
)

// FormatTree is the canonical text of a tree of paths. Weights print with two
// decimals, so the text may say less than the tree: 0.001 prints as 0.00.
func FormatTree(t Tree[Path]) string {
	var p printer
	p.weight = twoDecimals
	p.alt(t)
	return p.text.String()
}

// FormatTreeExact is FormatTree but for weights, which print with as many
// decimals as it takes to read the same weight again.
func FormatTreeExact(t Tree[Path]) string {
	var p printer
	p.weight = shortest
	p.alt(t)
	return p.text.String()
}

// printer writes a tree by the grammar's rules: each method may stand where the
// rule of its name is called for, and sets what binds weaker in parentheses. A
// tree with one child prints as the child, one with none as Neg.
type printer struct {
	text   strings.Builder
	weight func(float64) string
}

func (p *printer) alt(t Tree[Path]) {
	t = unwrap(t)
	if t.Kind != Alt {
		p.union(t)
		return
	}
	for i, c := range t.Children {
		if i > 0 {
			p.text.WriteString(" | ")
		}
		p.union(c.Tree)
	}
}

func (p *printer) union(t Tree[Path]) {
	t = unwrap(t)
	if t.Kind != Union {
		p.simple(t)
		return
	}
	for i, c := range t.Children {
		if i > 0 {
			p.text.WriteString(" & ")
		}
		if c.Weight != 1 {
			p.text.WriteString(p.weight(c.Weight))
			p.text.WriteByte('*')
		}
		p.simple(c.Tree)
	}
}

func (p *printer) simple(t Tree[Path]) {
	t = unwrap(t)
	switch t.Kind {
	case Neg:
		p.text.WriteByte('~')
	case Fail:
		p.text.WriteByte('!')
	case Empty:
		p.text.WriteByte('$')
	case Leaf:
		p.text.WriteString(t.Leaf.String())
	case Alt, Union:
		p.text.WriteByte('(')
		p.alt(t)
		p.text.WriteByte(')')
	}
}

// unwrap is a tree without those of its outer layers that have fewer than two children.
func unwrap(t Tree[Path]) Tree[Path] {
	for t.Kind == Alt || t.Kind == Union {
		switch len(t.Children) {
		case 0:
			return Tree[Path]{Kind: Neg}
		case 1:
			t = t.Children[0].Tree
		default:
			return t
		}
	}
	return t
}

func shortest(weight float64) string {
	return strconv.FormatFloat(weight, 'f', -1, 64)
}

// twoDecimals rounds the shortest decimal text of a weight half up, as Java's
// %.2f does: 1.005 gives 1.01 although the float64 lies a little below.
func twoDecimals(weight float64) string {
	whole, fraction, _ := strings.Cut(shortest(weight), ".")
	digits := []byte(whole + (fraction + "00")[:2])
	if len(fraction) > 2 && fraction[2] >= '5' {
		digits = increment(digits)
	}
	dot := len(digits) - 2
	return string(digits[:dot]) + "." + string(digits[dot:])
}

// increment adds one to a decimal number.
func increment(digits []byte) []byte {
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] != '9' {
			digits[i]++
			return digits
		}
		digits[i] = '0'
	}
	return append([]byte{'1'}, digits...)
}
