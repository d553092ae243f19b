// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/dtab/lint"
)

// Into reads a text into value.
func (d *Document) Into(value *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) { *value, _ = d.Text(n, what) }
}

// Need tells which keys of a mapping are missing; found are those that Fields found.
func (d *Document) Need(n *yaml.Node, found map[string]Place, what string, keys ...string) {
	for _, key := range keys {
		if _, ok := found[key]; !ok {
			d.Fail(PlaceOf(Follow(n)), "%s needs %s", what, key)
		}
	}
}

// IP reads an IP address into value.
func (d *Document) IP(value *netip.Addr) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := d.Text(n, "ip")
		if !ok {
			return
		}
		ip, err := netip.ParseAddr(text)
		if err != nil {
			d.Fail(PlaceOf(n), "%q is not an IP address", text)
			return
		}
		*value = ip
	}
}

// Port reads a port into value.
func (d *Document) Port(value *uint16) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if err := Follow(n).Decode(value); err != nil || Follow(n).ShortTag() != "!!int" {
			d.Fail(PlaceOf(n), "%q is not a port from 0 to 65535", Follow(n).Value)
		}
	}
}

// Whole reads a whole number from least to most into value.
func (d *Document) Whole(value *int64, what string, least, most int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var number int64
		err := Follow(n).Decode(&number)
		if err != nil || Follow(n).ShortTag() != "!!int" || number < least || number > most {
			d.Fail(PlaceOf(n), "%s must be a whole number from %d to %d, and is %q", what, least, most, Follow(n).Value)
			return
		}
		*value = number
	}
}

// Path reads the path of a name into value.
func (d *Document) Path(value *dtab.Path, what string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := d.Text(n, what)
		if !ok {
			return
		}
		path, err := dtab.ParsePath(text)
		if syntax, wrong := errors.AsType[*dtab.SyntaxError](err); wrong {
			d.Fail(d.placeIn(Follow(n), syntax), "%s: %s; %s", what, lint.Describe(syntax), lint.Mend(lint.Name, syntax))
			return
		}
		*value = path
	}
}

// Dtab reads a table, and its text.
func (d *Document) Dtab(n *yaml.Node, what string) (table dtab.Dtab, text string, ok bool) {
	if text, ok = d.Text(n, what); !ok {
		return nil, "", false
	}
	table, err := dtab.Parse(text)
	if syntax, wrong := errors.AsType[*dtab.SyntaxError](err); wrong {
		d.Fail(d.placeIn(Follow(n), syntax), "%s does not parse: %s; %s", what, lint.Describe(syntax), lint.Mend(lint.Rules, syntax))
		return nil, "", false
	}
	return table, text, true
}

// placeIn is the place in the file of a mistake in a text: exact in a block after |
// and in a text on one line as it is written, else where the text begins.
func (d *Document) placeIn(n *yaml.Node, e *dtab.SyntaxError) Place {
	lines := strings.Split(n.Value, "\n")
	line, column := e.Line, e.Column
	for line > 1 && strings.TrimSpace(lines[line-1]) == "" { // the end: of the last line that says something
		line--
		column = len(strings.TrimRight(lines[line-1], " \t\r")) + 1
	}
	inText := lines[line-1]
	var before string // of that line of the file
	var found bool
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		line += n.Line // a block begins below its |
		before, found = strings.CutSuffix(d.line(line), inText)
	case len(lines) == 1:
		line = n.Line
		before, found = d.beforeInline(n)
	}
	if !found {
		return PlaceOf(n)
	}
	return Place{line, 1 + utf8.RuneCountInString(before+inText[:column-1])}
}

// beforeInline is what stands before a text on one line, with the quote if it has
// one. There is none for a text that is written otherwise than it reads.
func (d *Document) beforeInline(n *yaml.Node) (before string, found bool) {
	whole := []rune(d.line(n.Line))
	begin := n.Column - 1
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		begin++
	}
	if begin > len(whole) || !strings.HasPrefix(string(whole[begin:]), n.Value) {
		return "", false
	}
	return string(whole[:begin]), true
}

// line is a line of the file, from 1; empty if there is none of that number.
func (d *Document) line(number int) string {
	if number > len(d.lines) {
		return ""
	}
	return strings.TrimSuffix(d.lines[number-1], "\r")
}
