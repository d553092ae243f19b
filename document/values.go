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
		if err != nil {
			d.Fail(PlaceOf(n), "%s: %v", what, err)
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
		d.Fail(d.placeIn(Follow(n), syntax), "%s does not parse: %v", what, err)
		return nil, "", false
	}
	return table, text, true
}

// placeIn is the place in the file of a mistake in a text: exact in a block after |,
// else where the text begins.
func (d *Document) placeIn(n *yaml.Node, e *dtab.SyntaxError) Place {
	line := n.Line + e.Line // a block begins below its |
	if n.Style&yaml.LiteralStyle == 0 || line > len(d.lines) {
		return PlaceOf(n)
	}
	inText := strings.Split(n.Value, "\n")[e.Line-1]
	inFile := strings.TrimSuffix(d.lines[line-1], "\r")
	if !strings.HasSuffix(inFile, inText) {
		return PlaceOf(n)
	}
	indent := len(inFile) - len(inText)
	return Place{line, 1 + indent + utf8.RuneCountInString(inText[:e.Column-1])}
}
