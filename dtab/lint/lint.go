// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lint finds what a delegation table may say and hardly means: rules that
// are never tried, names that lead nowhere or in a circle, weights that come to
// nothing. It is pure: a table goes in and findings come out, the same for the
// same table. What exists in the world it does not ask: a concrete name may exist
// or not, and a finding holds in either case. What it costs is bounded.
package lint

import (
	"github.com/wye-dev/wye/dtab"
)

// Kind says what a Finding is about.
type Kind string

// The kinds of findings.
const (
	// Syntax: a text does not parse. Table, which is given rules, finds none.
	Syntax Kind = "syntax"
	// Loop: a name leads to itself, or to ever new names.
	Loop Kind = "loop"
	// Shadowed: a rule that is never tried, since a later one always answers.
	Shadowed Kind = "shadowed"
	// DeadEnd: a destination that no rule says anything of.
	DeadEnd Kind = "dead-end"
	// Unreachable: an alternative that is never tried, or can never answer.
	Unreachable Kind = "unreachable"
	// NoWeight: the weights of a union sum to nothing.
	NoWeight Kind = "no-weight"
	// Dropped: a branch of a union that never counts, whatever its weight.
	Dropped Kind = "dropped"
	// Unchecked: the rules branch so much that not all of them were looked at.
	Unchecked Kind = "unchecked"
)

// Finding is one thing that is hardly meant.
type Finding struct {
	Rule    int    `json:"rule"` // index of the rule in the table
	Kind    Kind   `json:"kind"`
	Message string `json:"message"` // what is so, with the texts in question
	Mend    string `json:"mend"`    // what to do about it
}

// MaxFindings bounds what Table returns.
const MaxFindings = 100

// Table finds what is hardly meant in a table: at most MaxFindings, by rule.
func Table(d dtab.Dtab) []Finding {
	l := &linter{
		rules:   d,
		table:   dtab.NewTable(d),
		known:   newTrie(d),
		effort:  leastEffort,
		answers: map[string]answer{},
		walked:  map[string]bool{},
		looping: map[int]bool{},
	}
	for i := range d {
		l.effort += effortPerSegment * (len(d[i].Prefix) + segments(d[i].Dst))
	}
	for i := range d {
		if len(l.findings) >= MaxFindings {
			break
		}
		l.rule = i
		l.branches(d[i].Dst)
		l.deadEnds(d[i].Dst)
		l.shadowed()
		l.loops()
		if l.effort < 0 {
			l.find(Unchecked, "give the rest of the table a table of its own, or simplify it",
				"the rules branch so much that those from here on are not checked")
			break
		}
	}
	return l.findings[:min(len(l.findings), MaxFindings)]
}

// linter is one call of Table.
type linter struct {
	rules    dtab.Dtab
	table    *dtab.Table
	known    *trie
	rule     int // that is looked at
	findings []Finding

	effort  int               // segments that may still be looked at; below 0 when spent
	answers map[string]answer // path -> what is certain of it, as far as known
	walked  map[string]bool   // path -> all that it leads to has been looked at for loops
	looping map[int]bool      // rule -> it is part of a loop that was found
}

// What a call of Table may cost, in segments of paths that are looked at:
// ordinary tables take a few for each segment that they have.
const (
	leastEffort      = 100_000
	effortPerSegment = 30
)

// look is one step of delegation, at the expense of the budget.
func (l *linter) look(p dtab.Path) dtab.Tree[dtab.Path] {
	if l.effort < 0 {
		return dtab.Tree[dtab.Path]{}
	}
	t := l.table.Lookup(p)
	l.effort -= len(p) + 1 + segments(t)
	return t
}

func segments(t dtab.Tree[dtab.Path]) int {
	n := 1 + len(t.Leaf)
	for _, c := range t.Children {
		n += segments(c.Tree)
	}
	return n
}

// anything stands for a segment that no rule says.
const anything = "\x00"

// sample is a path that a prefix matches, and of shorter or other prefixes only
// those that match whatever it does.
func sample(prefix dtab.Prefix) dtab.Path {
	p := make(dtab.Path, len(prefix))
	for i, segment := range prefix {
		if p[i] = segment; segment == "" {
			p[i] = anything
		}
	}
	return p
}
