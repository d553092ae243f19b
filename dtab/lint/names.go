// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"errors"
	"slices"
	"strings"

	"github.com/wye-dev/wye/dtab"
)

// deadEnds finds leaves of a destination that are neither concrete names nor
// names, or beginnings of names, that a rule matches.
func (l *linter) deadEnds(t dtab.Tree[dtab.Path]) {
	for _, c := range t.Children {
		l.deadEnds(c.Tree)
	}
	if t.Kind != dtab.Leaf {
		return
	}
	p := t.Leaf
	if matched, longer := l.known.rules(p); matched || longer {
		return
	}
	text := clip(p.String())
	switch {
	case len(p) == 0 || p[0] == "#":
	case p[0] == "$":
		if kind := unknownNamer(p); kind != "" {
			l.find(DeadEnd, "write /$/inet/HOST/PORT for an address, or correct the name", "there is no namer %s, so %s cannot be looked up", kind, text)
		}
	default:
		l.find(DeadEnd, "add a rule for it, or correct the name", "no rule matches %s or a name below it, so it is bound to nothing", text)
	}
}

// unknownNamer is the kind of a system namer that there is not, whatever follows
// the path; empty if there is one.
func unknownNamer(p dtab.Path) string {
	var unknown *dtab.UnknownNamerError
	for _, rest := range []dtab.Path{{}, {"1"}, {"host", "1"}} {
		_, err := dtab.Interpreter{}.Bind(slices.Concat(p, rest))
		if !errors.As(err, &unknown) {
			return ""
		}
	}
	return "/$/" + unknown.Kind
}

// shadowed finds out whether the rule is ever tried: not if a later rule that
// matches the same names says the same, or always answers.
func (l *linter) shadowed() {
	rule := l.rules[l.rule]
	p := sample(rule.Prefix)
	l.effort -= len(p) + 1
	for _, later := range l.table.Matches(p) {
		if later <= l.rule {
			return
		}
		if l.effort < 0 {
			return
		}
		prefix, dst := l.rules[later].Prefix, l.rules[later].Dst
		l.effort -= segments(dst)
		switch {
		case l.certain(dst, 0).always:
			l.find(Shadowed, "remove it, or put it after the other",
				"a later rule is for all its names and always answers: %s => %s", prefix, show(dst))
		// (Two rules that say ~ hide a concrete name; one does not.)
		case dst.Kind != dtab.Neg && slices.Equal(prefix, rule.Prefix) && dtab.FormatTreeExact(dst) == dtab.FormatTreeExact(rule.Dst):
			l.find(Shadowed, "remove one of the two", "a later rule says the same: %s => %s", prefix, show(dst))
		default:
			continue
		}
		return
	}
}

// loops finds out whether the names of the rule lead to themselves, or on for
// ever. Of each loop one rule is told.
func (l *linter) loops() {
	if l.looping[l.rule] {
		return
	}
	p := sample(l.rules[l.rule].Prefix)
	if !l.loop(nil, p) {
		l.loop(nil, append(p, anything))
	}
}

// loop follows what a path leads to by any rule. trail led to it.
func (l *linter) loop(trail []dtab.Path, p dtab.Path) (found bool) {
	for i, earlier := range trail {
		if earlier.Equal(p) {
			l.tell(trail[i:], "its names go round in a circle: "+steps(append(slices.Clone(trail[i:]), p)))
			return true
		}
	}
	key := p.String()
	if l.walked[key] {
		return false
	}
	if len(trail) == dtab.MaxDepth {
		l.tell(trail, "its names lead to ever new names: "+steps(trail[:4])+" -> ...")
		return true
	}
	l.walked[key] = true
	return l.loopIn(append(trail, p), l.look(p))
}

func (l *linter) tell(trail []dtab.Path, message string) {
	l.find(Loop, "let one of the rules on the way lead elsewhere", "%s", message)
	for _, p := range trail {
		for _, rule := range l.table.Matches(p) {
			l.looping[rule] = true
		}
	}
}

func (l *linter) loopIn(trail []dtab.Path, t dtab.Tree[dtab.Path]) bool {
	if t.Kind == dtab.Leaf {
		return l.loop(trail, t.Leaf)
	}
	for _, c := range t.Children {
		if l.loopIn(trail, c.Tree) {
			return true
		}
	}
	return false
}

// steps shows names that lead from one to the next. What may be any segment
// shows as *.
func steps(trail []dtab.Path) string {
	const most = 6
	var texts []string
	for _, p := range trail[:min(len(trail), most)] {
		texts = append(texts, clip(strings.ReplaceAll(p.String(), dtab.Path{anything}.String(), "/*")))
	}
	if len(trail) > most {
		texts = append(texts, "...", clip(strings.ReplaceAll(trail[len(trail)-1].String(), dtab.Path{anything}.String(), "/*")))
	}
	return strings.Join(texts, " -> ")
}
