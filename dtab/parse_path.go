// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

func (p *parser) prefix() (Prefix, error) { return p.segments(true) }

func (p *parser) path() (Path, error) { return p.segments(false) }

// segments reads a slash and what follows it, up to where no segment can begin.
func (p *parser) segments(wildcards bool) ([]string, error) {
	p.space()
	if !p.eat('/') {
		return nil, p.expected("'/'")
	}
	segments := []string{}
	if !p.atSegment() && !(wildcards && p.peek() == '*') {
		return segments, nil
	}
	for {
		if wildcards && p.eat('*') {
			segments = append(segments, "")
		} else {
			segment, err := p.segment()
			if err != nil {
				return nil, err
			}
			segments = append(segments, segment)
		}
		if !p.eat('/') {
			return segments, nil
		}
	}
}

// segment reads showable bytes and escapes, at least one. Without escapes the
// result shares the memory of the text.
func (p *parser) segment() (string, error) {
	if !p.atSegment() {
		return "", p.expected("label char")
	}
	start := p.at
	for showable(p.peek()) {
		p.at++
	}
	if p.peek() != '\\' {
		return p.text[start:p.at], nil
	}
	raw := []byte(p.text[start:p.at])
	for p.atSegment() {
		c, err := p.segmentByte()
		if err != nil {
			return "", err
		}
		raw = append(raw, c)
	}
	return string(raw), nil
}

func (p *parser) atSegment() bool {
	c := p.peek()
	return showable(c) || c == '\\'
}

func (p *parser) segmentByte() (byte, error) {
	c := p.peek()
	p.at++
	if c != '\\' {
		return c, nil
	}
	if !p.eat('x') {
		return 0, p.expected("'x'")
	}
	var value byte
	for range 2 {
		digit, ok := hex(p.peek())
		if !ok {
			return 0, p.expected("hex char")
		}
		p.at++
		value = value<<4 | digit
	}
	return value, nil
}

func hex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
