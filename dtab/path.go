// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import "slices"

// Path is a sequence of segments. A segment is a non-empty byte string.
type Path []string

// MustParsePath is ParsePath for texts known to be right; it panics on others.
func MustParsePath(text string) Path {
	p, err := ParsePath(text)
	if err != nil {
		panic(err)
	}
	return p
}

// String is the canonical text form: a segment with a byte that cannot stand
// bare prints as \xNN throughout. Reading it gives the same path.
func (p Path) String() string {
	if len(p) == 0 {
		return "/"
	}
	var text []byte
	for _, segment := range p {
		text = append(text, '/')
		text = appendSegment(text, segment)
	}
	return string(text)
}

// HasPrefix tells whether p begins with all segments of q.
func (p Path) HasPrefix(q Path) bool {
	return len(p) >= len(q) && slices.Equal(p[:len(q)], q)
}

// Equal tells whether p and q have the same segments.
func (p Path) Equal(q Path) bool { return slices.Equal(p, q) }

// concat is p with the segments of q after its own. The result shares memory
// with p when q is empty.
func concat(p, q Path) Path {
	if len(q) == 0 {
		return p
	}
	return append(append(make(Path, 0, len(p)+len(q)), p...), q...)
}

// Prefix is the left side of a rule: segments, some of which may be wildcards.
type Prefix []string // "" is the wildcard *

// String is the canonical text form.
func (p Prefix) String() string {
	if len(p) == 0 {
		return "/"
	}
	var text []byte
	for _, element := range p {
		text = append(text, '/')
		if element == "" {
			text = append(text, '*')
			continue
		}
		text = appendSegment(text, element)
	}
	return string(text)
}

// Matches tells whether a path begins with the prefix. A wildcard matches any
// one segment.
func (p Prefix) Matches(path Path) bool {
	if len(path) < len(p) {
		return false
	}
	for i, element := range p {
		if element != "" && element != path[i] {
			return false
		}
	}
	return true
}

// appendSegment appends the canonical text of a segment.
func appendSegment(text []byte, segment string) []byte {
	for i := range len(segment) {
		if !showable(segment[i]) {
			return appendEscaped(text, segment)
		}
	}
	return append(text, segment...)
}

func appendEscaped(text []byte, segment string) []byte {
	const digits = "0123456789abcdef"
	for i := range len(segment) {
		c := segment[i]
		text = append(text, '\\', 'x', digits[c>>4], digits[c&0xf])
	}
	return text
}

// showable tells whether a byte of a segment may stand for itself in a text.
func showable(c byte) bool {
	switch {
	case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		return true
	}
	switch c {
	case '_', ':', '.', '#', '$', '%', '-':
		return true
	}
	return false
}
