// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"math"
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

func (p *parser) prefix() (Prefix, error) {
	return p.segments(true)
}

func (p *parser) path() (Path, error) {
	segments, err := p.segments(false)
	return segments, err
}

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
