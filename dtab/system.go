// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"slices"
	"strconv"
)

// system answers for a path under /$/. Bound names carry the path that names
// them; their addresses are for others to look up. Nothing here does any IO.
func system(p Path) (Tree[Name], error) {
	text := decoded(p)
	kind, rest := text[1], text[2:]
	switch kind {
	case "fail":
		return Tree[Name]{Kind: Fail}, nil
	case "nil":
		return Tree[Name]{Kind: Empty}, nil
	case "inet", "fixedinet":
		if taken := inet(rest); taken > 0 {
			return boundName(p[:2+taken], rest[taken:]), nil
		}
	case "io.buoyant.rinet":
		if len(rest) < 2 {
			return Tree[Name]{Kind: Neg}, nil
		}
		return boundName(text[:4], rest[2:]), nil
	}
	if rewrite := rewriting(kind); rewrite != nil {
		return rewritten(rewrite(rest)), nil
	}
	return Tree[Name]{}, &UnknownNamerError{Kind: kind, Path: p}
}

// inet tells how many segments /HOST/PORT or /PORT take, 0 if it is neither.
func inet(p Path) int {
	switch {
	case len(p) >= 2 && isInteger(p[1]):
		return 2
	case len(p) >= 1 && isInteger(p[0]):
		return 1
	}
	return 0
}

// isInteger tells whether a text is a 32-bit integer. Whether it can be a port
// is for those to say who look up the address.
func isInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 32)
	return err == nil
}

func boundName(id, residual Path) Tree[Name] {
	bound := Bound{ID: slices.Clone(id), Residual: slices.Clone(residual)}
	return Tree[Name]{Kind: Leaf, Leaf: Name{Bound: &bound}}
}

// decoded is a path whose segments are read as UTF-8: each byte that is none
// becomes the replacement character, as linkerd has it.
func decoded(p Path) Path {
	text := make(Path, len(p))
	for i, segment := range p {
		text[i] = string([]rune(segment))
	}
	return text
}
