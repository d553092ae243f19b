// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustTree(t testing.TB, text string) Tree[Path] {
	t.Helper()
	tree, err := ParseTree(text)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func mustTable(t testing.TB, text string) *Table {
	t.Helper()
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return NewTable(d)
}

func TestSimplifyDropsWhatHasNoEffect(t *testing.T) {
	for text, want := range map[string]string{
		"/a":                            "/a",
		"~ | /a | ~":                    "/a",
		"~ | ~":                         "~",
		"/a | ! | /b":                   "/a | !",
		"! | /b":                        "!",
		"/a | $ | /b":                   "/a | $ | /b",
		"~ & ~":                         "~",
		"! & !":                         "~",
		"! & ~":                         "~",
		"! & 2*/a":                      "/a",
		"3*/a & ~ & 2*/b":               "3.00*/a & 2.00*/b",
		"$ & 2*/a & !":                  "$ & 2.00*/a",
		"(~ | /a) & (! | /b)":           "/a",
		"/a | (/b | /c)":                "/a | (/b | /c)",
		"(~ & ~) | (3*/a & (~ | ~))":    "/a",
		"2*(/a & ~) & 3*(/b | ! | /c)":  "2.00*/a & 3.00*(/b | !)",
		"/a | (/b | ! | /c) | /d":       "/a | (/b | !) | /d",
		"5*(3*/a & 4*/b) & 6*(~ | ~)":   "3.00*/a & 4.00*/b",
		"(! & !) | /a":                  "/a",
		"(/a | ~) | (~ | ~) | (! | /z)": "/a | !",
	} {
		once := Simplify(mustTree(t, text))
		if got := FormatTree(once); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
		if diff := cmp.Diff(once, Simplify(once)); diff != "" {
			t.Errorf("%s simplifies further: %s", text, diff)
		}
	}
}

func TestSimplifyHandlesTreesThatNoTextHas(t *testing.T) {
	leaf := Tree[Path]{Kind: Leaf, Leaf: Path{"a"}}
	for _, kind := range []Kind{Alt, Union} {
		none := Tree[Path]{Kind: kind}
		if got := FormatTree(none) + FormatTree(Simplify(none)); got != "~~" {
			t.Errorf("%v of nothing is %s", kind, got)
		}
		one := Tree[Path]{Kind: kind, Children: []Weighted[Path]{{Weight: 7, Tree: leaf}}}
		if got := FormatTree(one) + FormatTree(Simplify(one)); got != "/a/a" {
			t.Errorf("%v of one is %s", kind, got)
		}
	}
}

func TestEvalFindsWhatATreeStandsFor(t *testing.T) {
	for text, want := range map[string]string{
		"/a":                    "/a",
		"~":                     "none",
		"!":                     "none",
		"$":                     "",
		"~ | /a | /b":           "/a",
		"! | /a":                "none",
		"$ | /a":                "",
		"/a & ~ & /b & !":       "/a/b",
		"! & !":                 "none",
		"(! & !) | /a":          "/a",
		"(/a & $) | /b":         "/a",
		"(~ | ~) | (/a & /b)":   "/a/b",
		"/a & (~ | /b | /c)":    "/a/b",
		"(~ | ! | /a) | /b":     "none",
		"/a & (~ | ! | /a) & $": "/a",
	} {
		leaves, ok := Eval(mustTree(t, text))
		got := "none"
		if ok {
			got = ""
			for _, leaf := range leaves {
				got += leaf.String()
			}
		}
		if got != want {
			t.Errorf("%s comes to %q, want %q", text, got, want)
		}
	}
}

func TestMapKeepsTheShape(t *testing.T) {
	tree := mustTree(t, "3*/a & (/b | ~) | ! | $")
	got := Map(tree, func(p Path) Path { return append(Path{"x"}, p...) })
	if want := "3.00*/x/a & (/x/b | ~) | ! | $"; FormatTree(got) != want {
		t.Errorf("got %s, want %s", FormatTree(got), want)
	}
}
