// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import "github.com/wye-dev/wye/dtab"

// answer is what is certain of a name or a tree, whatever exists.
type answer struct {
	always bool // never Neg, so that what comes after it is not tried
	drops  bool // may be Fail or an error, which a union leaves out
}

// unknown is the answer of what only namers know, or nobody.
var unknown = answer{drops: true}

// maxFollowed is how many names one after the other certain follows.
const maxFollowed = 16

// certain is what is certain of a tree.
func (l *linter) certain(t dtab.Tree[dtab.Path], depth int) answer {
	switch t.Kind {
	case dtab.Fail:
		return answer{always: true, drops: true}
	case dtab.Empty:
		return answer{always: true}
	case dtab.Leaf:
		return l.certainPath(t.Leaf, depth)
	case dtab.Alt:
		return l.certainAlt(t, depth)
	case dtab.Union:
		return l.certainUnion(t, depth)
	}
	return answer{}
}

func (l *linter) certainAlt(t dtab.Tree[dtab.Path], depth int) answer {
	var all answer
	for _, c := range t.Children {
		one := l.certain(c.Tree, depth)
		all.drops = all.drops || one.drops
		if one.always {
			all.always = true
			break
		}
	}
	return all
}

// certainUnion counts on the branches that are never left out. If all branches
// are errors the union is one.
func (l *linter) certainUnion(t dtab.Tree[dtab.Path], depth int) answer {
	for _, c := range t.Children {
		if one := l.certain(c.Tree, depth); one.always && !one.drops {
			return answer{always: true}
		}
	}
	return unknown
}

// certainPath is what is certain of a path with whatever may follow it.
func (l *linter) certainPath(p dtab.Path, depth int) answer {
	if depth > maxFollowed || l.effort < 0 {
		return unknown
	}
	key := p.String()
	if known, ok := l.answers[key]; ok {
		return known
	}
	l.answers[key] = unknown // for names that lead here again
	a := l.resolved(p, depth)
	l.answers[key] = a
	return a
}

func (l *linter) resolved(p dtab.Path, depth int) answer {
	// What follows the path may be for a rule of its own.
	if matched, longer := l.known.rules(p); longer {
		return unknown
	} else if matched {
		if t := l.look(p); t.Kind != dtab.Neg {
			return l.certain(t, depth+1)
		}
	}
	if len(p) == 0 || p[0] != "$" {
		return unknown
	}
	// The names under /$/ need nobody to ask.
	binding, err := dtab.Interpreter{}.Bind(p)
	if err != nil {
		return unknown
	}
	kind := binding.Tree.Kind
	return answer{always: kind != dtab.Neg, drops: kind == dtab.Fail}
}
