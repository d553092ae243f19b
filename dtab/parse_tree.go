// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"math"
	"strconv"
)

// tree reads alternatives.
func (p *parser) tree() (Tree[Path], error) {
	return p.list(Alt, '|', func() (Weighted[Path], error) {
		t, err := p.list(Union, '&', p.weighted)
		return Weighted[Path]{Weight: 1, Tree: t}, err
	})
}

// list reads items between separators. A single one stands for itself, and its
// weight counts for nothing.
func (p *parser) list(kind Kind, separator byte, item func() (Weighted[Path], error)) (Tree[Path], error) {
	first, err := item()
	if err != nil {
		return Tree[Path]{}, err
	}
	p.space()
	if p.peek() != separator {
		return first.Tree, nil
	}
	children := []Weighted[Path]{first}
	for p.eat(separator) {
		next, err := item()
		if err != nil {
			return Tree[Path]{}, err
		}
		children = append(children, next)
		p.space()
	}
	return Tree[Path]{Kind: kind, Children: children}, nil
}

func (p *parser) weighted() (Weighted[Path], error) {
	p.space()
	weight := 1.0
	if inNumber(p.peek()) {
		var err error
		if weight, err = p.number(); err != nil {
			return Weighted[Path]{}, err
		}
		p.space()
		if !p.eat('*') {
			return Weighted[Path]{}, p.expected("'*'")
		}
	}
	t, err := p.simple()
	return Weighted[Path]{Weight: weight, Tree: t}, err
}

// number reads digits with at most one dot. A value too great for a float64 is refused.
func (p *parser) number() (float64, error) {
	start := p.at
	dot := false
	for ; inNumber(p.peek()); p.at++ {
		if p.peek() == '.' && dot {
			return 0, p.expected("number char")
		}
		dot = dot || p.peek() == '.'
	}
	if p.text[start:p.at] == "." {
		return 0, p.failed("weight", "'.'")
	}
	value, err := strconv.ParseFloat(p.text[start:p.at], 64)
	if err != nil || math.IsInf(value, 0) {
		p.at = start
		return 0, p.expected("weight")
	}
	return value, nil
}

func inNumber(c byte) bool { return '0' <= c && c <= '9' || c == '.' }

func (p *parser) simple() (Tree[Path], error) {
	p.space()
	switch p.peek() {
	case '(':
		return p.group()
	case '/':
		path, err := p.path()
		return Tree[Path]{Kind: Leaf, Leaf: path}, err
	case '!':
		p.at++
		return Tree[Path]{Kind: Fail}, nil
	case '~':
		p.at++
		return Tree[Path]{Kind: Neg}, nil
	case '$':
		p.at++
		return Tree[Path]{Kind: Empty}, nil
	}
	return Tree[Path]{}, p.expected("simple")
}

func (p *parser) group() (Tree[Path], error) {
	if p.open == MaxNesting {
		return Tree[Path]{}, p.expected("at most " + strconv.Itoa(MaxNesting) + " open parentheses")
	}
	p.open++
	p.at++
	t, err := p.tree()
	if err != nil {
		return Tree[Path]{}, err
	}
	p.open--
	p.space()
	if !p.eat(')') {
		return Tree[Path]{}, p.expected("')'")
	}
	return t, nil
}
