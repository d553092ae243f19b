// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError says where a text stops making sense.
type SyntaxError struct {
	Text     string // the whole text
	Offset   int    // in bytes, from 0
	Line     int    // from 1
	Column   int    // in bytes, from 1
	Expected string // such as "label char"
	Found    string // such as "'x'" or "end of input"
}

// shown bounds how much of a text Error shows on each side of the mistake, in bytes.
const shown = 1000

// Error has the shape of Finagle's: WHAT expected but FOUND found at 'BEFORE[C]AFTER'.
// Of a long text it shows the surroundings only.
func (e *SyntaxError) Error() string {
	before, rest := e.Text[:e.Offset], e.Text[e.Offset:]
	_, size := utf8.DecodeRuneInString(rest)
	mark, after := rest[:size], rest[size:]
	if len(before) > shown {
		before = "..." + before[len(before)-shown:]
	}
	if len(after) > shown {
		after = after[:shown] + "..."
	}
	place := strings.ToValidUTF8(before+"["+mark+"]"+after, "\ufffd")
	return fmt.Sprintf("%s expected but %s found at '%s'", e.Expected, e.Found, place)
}

// Position is a place in a text.
type Position struct {
	Offset int // in bytes, from 0
	Line   int // from 1
	Column int // in bytes, from 1
}

// positions finds the lines and columns of ascending offsets.
func positions(text string, offsets []int) []Position {
	found := make([]Position, len(offsets))
	line, lineStart, seen := 1, 0, 0
	for i, offset := range offsets {
		skipped := text[seen:offset]
		if last := strings.LastIndexByte(skipped, '\n'); last >= 0 {
			line += strings.Count(skipped, "\n")
			lineStart = seen + last + 1
		}
		seen = offset
		found[i] = Position{Offset: offset, Line: line, Column: offset - lineStart + 1}
	}
	return found
}

// expected is the error that something else should stand at p.at.
func (p *parser) expected(what string) error {
	found := "end of input"
	if p.at < len(p.text) {
		c, _ := utf8.DecodeRuneInString(p.text[p.at:])
		found = quoted(c)
	}
	return p.failed(what, found)
}

// failed is a *SyntaxError at p.at.
func (p *parser) failed(what, found string) error {
	place := positions(p.text, []int{p.at})[0]
	return &SyntaxError{
		Text:     p.text,
		Offset:   place.Offset,
		Line:     place.Line,
		Column:   place.Column,
		Expected: what,
		Found:    found,
	}
}

func quoted(c rune) string { return "'" + string(c) + "'" }
