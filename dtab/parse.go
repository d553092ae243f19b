// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is parsed. A text beyond them is a *SyntaxError.
const (
	// MaxText is how long a text may be, in bytes.
	MaxText = 1 << 20
	// MaxNesting is how many parentheses may be open at once.
	MaxNesting = 200
)

// Parse reads the text form of a table. The error is a *SyntaxError.
func Parse(text string) (Dtab, error) {
	d, _, err := parseAll(text, (*parser).dtab)
	return d, err
}

// ParsePositions is Parse that also tells where in the text each rule begins.
func ParsePositions(text string) (Dtab, []Position, error) {
	d, p, err := parseAll(text, (*parser).dtab)
	if err != nil {
		return nil, nil, err
	}
	return d, positions(text, p.starts), nil
}

// ParseTree reads a destination, such as "9 * /a & 1 * /b | /c". The error is a *SyntaxError.
func ParseTree(text string) (Tree[Path], error) {
	t, _, err := parseAll(text, (*parser).tree)
	return t, err
}

// ParsePath reads the text form of a path, such as /svc/redis. The error is a *SyntaxError.
func ParsePath(text string) (Path, error) {
	path, _, err := parseAll(text, (*parser).path)
	return path, err
}

// ParsePrefix reads the text form of a prefix, such as /http/1.1/*. The error is a *SyntaxError.
func ParsePrefix(text string) (Prefix, error) {
	prefix, _, err := parseAll(text, (*parser).prefix)
	return prefix, err
}

// parseAll reads the whole of a text by one rule of the grammar.
func parseAll[T any](text string, rule func(*parser) (T, error)) (T, *parser, error) {
	var none T
	p := &parser{text: text}
	if len(text) > MaxText {
		p.at = MaxText
		return none, p, p.failed("at most "+strconv.Itoa(MaxText)+" bytes", strconv.Itoa(len(text))+" bytes")
	}
	result, err := rule(p)
	if err != nil {
		return none, p, err
	}
	p.space()
	if p.at < len(text) {
		return none, p, p.expected("end of input")
	}
	return result, p, nil
}

// parser walks over a text. Each rule of the grammar is a method that begins at
// p.at and leaves it after what it read; none of them eats what follows but
// blanks.
type parser struct {
	text   string
	at     int   // offset of the next byte
	open   int   // parentheses
	starts []int // offsets of the rules of a table
}

func (p *parser) dtab() (Dtab, error) {
	d := Dtab{}
	for {
		p.space()
		if p.at == len(p.text) {
			return d, nil
		}
		p.starts = append(p.starts, p.at)
		entry, err := p.dentry()
		if err != nil {
			return nil, err
		}
		d = append(d, entry)
		p.space()
		if !p.eat(';') {
			return d, nil
		}
	}
}

func (p *parser) dentry() (Dentry, error) {
	prefix, err := p.prefix()
	if err != nil {
		return Dentry{}, err
	}
	p.space()
	for _, c := range []byte("=>") {
		if !p.eat(c) {
			return Dentry{}, p.expected(quoted(rune(c)))
		}
	}
	dst, err := p.tree()
	return Dentry{Prefix: prefix, Dst: dst}, err
}

// peek is the next byte. At the end it is 0, which no rule looks for.
func (p *parser) peek() byte {
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) eat(c byte) bool {
	if p.at == len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

// space passes over blanks and comments.
func (p *parser) space() {
	for p.at < len(p.text) {
		if p.text[p.at] == '#' {
			p.comment()
			continue
		}
		c, size := utf8.DecodeRuneInString(p.text[p.at:])
		if !blank(c) {
			return
		}
		p.at += size
	}
}

// comment passes over the rest of the line, the line feed included.
func (p *parser) comment() {
	end := strings.IndexByte(p.text[p.at:], '\n')
	if end < 0 {
		p.at = len(p.text)
		return
	}
	p.at += end + 1
}

// blank tells whether Java's Character.isWhitespace holds for a character.
func blank(c rune) bool {
	switch {
	case '\t' <= c && c <= '\r', 0x1c <= c && c <= ' ':
		return true
	case c < 0x80, c == 0x00a0, c == 0x2007, c == 0x202f:
		return false
	}
	return unicode.In(c, unicode.Zs, unicode.Zl, unicode.Zp)
}
