// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPathsReadAndPrint(t *testing.T) {
	for _, c := range []struct {
		text string
		path Path
		want string // canonical text
	}{
		{"/", Path{}, "/"},
		{" \t\r\n/\v\f", Path{}, "/"},
		{"/svc/redis", Path{"svc", "redis"}, "/svc/redis"},
		{"/#/io.l5d.fs/a", Path{"#", "io.l5d.fs", "a"}, "/#/io.l5d.fs/a"},
		{"/$/inet/127.1/80", Path{"$", "inet", "127.1", "80"}, "/$/inet/127.1/80"},
		{"/a#b", Path{"a#b"}, "/a#b"},
		{"/a #b", Path{"a"}, "/a"},
		{"/ #c", Path{}, "/"},
		{"#one\r still\n/a # two", Path{"a"}, "/a"},
		{"\u2003/a\u3000\u2028", Path{"a"}, "/a"},
		{"\x1c/a\x1f", Path{"a"}, "/a"},
		{`/a\x20b`, Path{"a b"}, `/\x61\x20\x62`},
		{`/\x41b`, Path{"Ab"}, "/Ab"},
		{`/\x2F\x2a\x00\xff`, Path{"/*\x00\xff"}, `/\x2f\x2a\x00\xff`},
		{"/0_:.#$%-Zz", Path{"0_:.#$%-Zz"}, "/0_:.#$%-Zz"},
	} {
		path, err := ParsePath(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.path, path); diff != "" {
			t.Errorf("%q: %s", c.text, diff)
		}
		if got := path.String(); got != c.want {
			t.Errorf("%q prints %q, want %q", c.text, got, c.want)
		}
	}
}

func TestPathErrorsSayWhatAndWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "'/' expected but end of input found at '[]'",
		"a":                "'/' expected but 'a' found at '[a]'",
		"//":               "end of input expected but '/' found at '/[/]'",
		"/{}":              "end of input expected but '{' found at '/[{]}'",
		"/*":               "end of input expected but '*' found at '/[*]'",
		"/a/":              "label char expected but end of input found at '/a/[]'",
		"/a//b":            "label char expected but '/' found at '/a/[/]b'",
		"/a/*":             "label char expected but '*' found at '/a/[*]'",
		"/a/ b":            "label char expected but ' ' found at '/a/[ ]b'",
		"/a b":             "end of input expected but 'b' found at '/a [b]'",
		"/é":               "end of input expected but 'é' found at '/[é]'",
		"/a\u00a0":         "end of input expected but '\u00a0' found at '/a[\u00a0]'",
		`/\X41`:            `'x' expected but 'X' found at '/\[X]41'`,
		`/\x4g`:            `hex char expected but 'g' found at '/\x4[g]'`,
		`/\x4`:             `hex char expected but end of input found at '/\x4[]'`,
		"/a\xff":           "end of input expected but '\ufffd' found at '/a[\ufffd]'",
		"/a+b":             "end of input expected but '+' found at '/a[+]b'",
		"/a\x00":           "end of input expected but '\x00' found at '/a[\x00]'",
		"# only a comment": "'/' expected but end of input found at '# only a comment[]'",
	} {
		_, err := ParsePath(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestPrefixesReadAndPrint(t *testing.T) {
	for text, want := range map[string]Prefix{
		"/":         {},
		"/*":        {""},
		"/a/*/b":    {"a", "", "b"},
		`/\x2a/*`:   {"*", ""},
		" /a/* # c": {"a", ""},
	} {
		prefix, err := ParsePrefix(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, prefix); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
		again, err := ParsePrefix(prefix.String())
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Errorf("%q printed as %q: %v %s", text, prefix, err, diff)
		}
	}
	for _, text := range []string{"", "/a*", "/*a", "/**", "/*/", "/a//b", "*"} {
		if _, err := ParsePrefix(text); err == nil {
			t.Errorf("%q parses", text)
		}
	}
}

func TestTreesReadAndPrint(t *testing.T) {
	for text, want := range map[string]string{
		"/a":                             "/a",
		"!":                              "!",
		"~":                              "~",
		"$":                              "$",
		"/$/inet/1":                      "/$/inet/1",
		" ( ( /a ) ) ":                   "/a",
		"/a|/b|/c":                       "/a | /b | /c",
		"/a | (/b | /c)":                 "/a | (/b | /c)",
		"(/a | /b) | /c":                 "(/a | /b) | /c",
		"/a & (/b & /c)":                 "/a & (/b & /c)",
		"/a & (/b | /c)":                 "/a & (/b | /c)",
		"(/a & /b) | /c":                 "/a & /b | /c",
		"2 * /a":                         "/a",
		"2 * /a | 3 * /b":                "/a | /b",
		"2 * (3 * /a & /b)":              "3.00*/a & /b",
		"1*/a&1.0*/b":                    "/a & /b",
		"007*/a & .5 * /b":               "7.00*/a & 0.50*/b",
		"1. * /a & 0*/b":                 "/a & 0.00*/b",
		"33.333*/a & 66.666*/b":          "33.33*/a & 66.67*/b",
		"0.125*/a & 1.005*/b & 2.675*/c": "0.13*/a & 1.01*/b & 2.68*/c",
		"0.001*/a & 9.995*/b":            "0.00*/a & 10.00*/b",
		"1.001*/a & 123456789.5*/b":      "1.00*/a & 123456789.50*/b",
		"/a # one\n| #two\n/b":           "/a | /b",
		"(#c\n/a#x & 3*#c\n!)":           "/a#x & 3.00*!",
	} {
		tree, err := ParseTree(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := FormatTree(tree); got != want {
			t.Errorf("%q prints %q, want %q", text, got, want)
		}
	}
}

func TestExactTextKeepsWeights(t *testing.T) {
	for _, text := range []string{
		"0.001*/a & 33.333*/b & /c", "1.005*/a & 0*/b", "0.1*/a & 123456789.123*(/b | ~)",
		"0." + strings.Repeat("0", 320) + "5*/a & " + "9" + strings.Repeat("0", 300) + "*/b",
	} {
		tree, err := ParseTree(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseTree(FormatTreeExact(tree))
		if diff := cmp.Diff(tree, again); diff != "" || err != nil {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

func TestTreeErrorsSayWhatAndWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":            "simple expected but end of input found at '[]'",
		"a":           "simple expected but 'a' found at '[a]'",
		"/a |":        "simple expected but end of input found at '/a |[]'",
		"(/a":         "')' expected but end of input found at '(/a[]'",
		"/a)":         "end of input expected but ')' found at '/a[)]'",
		"$/a":         "end of input expected but '/' found at '$[/]a'",
		"/*":          "end of input expected but '*' found at '/[*]'",
		"1 /a":        "'*' expected but '/' found at '1 [/]a'",
		"1e3 * /a":    "'*' expected but 'e' found at '1[e]3 * /a'",
		"50% * /a":    "'*' expected but '%' found at '50[%] * /a'",
		"-1 * /a":     "simple expected but '-' found at '[-]1 * /a'",
		"* /a":        "simple expected but '*' found at '[*] /a'",
		"1.2.3 * /a":  "number char expected but '.' found at '1.2[.]3 * /a'",
		". * /a":      "weight expected but '.' found at '.[ ]* /a'",
		"1 * 2 * /a":  "simple expected but '2' found at '1 * [2] * /a'",
		"/a & 1":      "'*' expected but end of input found at '/a & 1[]'",
		"1 * * /a":    "simple expected but '*' found at '1 * [*] /a'",
		"/a || /b":    "simple expected but '|' found at '/a |[|] /b'",
		"(1*/a)&/b )": "end of input expected but ')' found at '(1*/a)&/b [)]'",
	} {
		_, err := ParseTree(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestDtabsReadAndPrint(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		" \n # nothing\n":                    "",
		"/a=>/b":                             "/a=>/b",
		"/a => /b ; /c => /d ;\n":            "/a=>/b;/c=>/d",
		"/a=>/b;#c\n/*/x=>$;# end":           "/a=>/b;/*/x=>$",
		"/ => ! ; /#/x => /y":                "/=>!;/#/x=>/y",
		"# one\n/svc => 2*/a & 3*/b | /c#x;": "/svc=>2.00*/a & 3.00*/b | /c#x",
	} {
		d, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := d.String(); got != want {
			t.Errorf("%q prints %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		";":              "'/' expected but ';' found at '[;]'",
		";/a=>/b":        "'/' expected but ';' found at '[;]/a=>/b'",
		"/a=>/b;;":       "'/' expected but ';' found at '/a=>/b;[;]'",
		"/a=>/b\n/c=>/d": "end of input expected but '/' found at '/a=>/b\n[/]c=>/d'",
		"/a = > /b":      "'>' expected but ' ' found at '/a =[ ]> /b'",
		"/a /b":          "'=' expected but '/' found at '/a [/]b'",
		"/a*=>/b":        "'=' expected but '*' found at '/a[*]=>/b'",
		"/a=>":           "simple expected but end of input found at '/a=>[]'",
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestSyntaxErrorsHaveLineAndColumn(t *testing.T) {
	_, err := Parse("/a => /b;\n/é => /c;\n  /d => é")
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("got %v", err)
	}
	got := [3]int{syntax.Offset, syntax.Line, syntax.Column}
	if want := [3]int{11, 2, 2}; got != want {
		t.Errorf("offset, line and column are %v, want %v", got, want)
	}
}

func TestDentryErrorNamesTheField(t *testing.T) {
	for field, texts := range map[string][2]string{
		"prefix": {"/a/", "/b"},
		"dst":    {"/a", "/b |"},
	} {
		_, err := ParseDentry(texts[0], texts[1])
		var dentry *DentryError
		var syntax *SyntaxError
		if !errors.As(err, &dentry) || dentry.Field != field || !errors.As(err, &syntax) ||
			err.Error() != field+": "+syntax.Error() {
			t.Errorf("%q: got %v", texts, err)
		}
	}
}

func TestPositionsAreThoseOfTheRules(t *testing.T) {
	text := "# head\n/a => /b;\n\n  /c => /d | # more\n /e; /f=>!;\n"
	d, positions, err := ParsePositions(text)
	if err != nil {
		t.Fatal(err)
	}
	want := []Position{{7, 2, 1}, {20, 4, 3}, {43, 5, 6}}
	if diff := cmp.Diff(want, positions); diff != "" {
		t.Error(diff)
	}
	for i, p := range positions {
		if prefix := d[i].Prefix.String(); !strings.HasPrefix(text[p.Offset:], prefix) {
			t.Errorf("rule %d is not at %v", i, p)
		}
	}
}

func TestParsingHasLimits(t *testing.T) {
	nested := strings.Repeat("(", MaxNesting) + "/a" + strings.Repeat(")", MaxNesting)
	if _, err := ParseTree(nested); err != nil {
		t.Errorf("%d parentheses: %v", MaxNesting, err)
	}
	long := "/" + strings.Repeat("a", MaxText-1)
	if _, err := ParsePath(long); err != nil {
		t.Errorf("a text of %d bytes is refused", len(long))
	}
	for text, expected := range map[string]string{
		"(" + nested + ")":                      "at most 200 open parentheses",
		long + "a":                              "at most 1048576 bytes",
		strings.Repeat("9", 400) + " * /a & /b": "weight",
	} {
		_, err := ParseTree(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Expected != expected {
			t.Errorf("got %.200v, want %s", err, expected)
		} else if len(err.Error()) > 3000 {
			t.Errorf("the message has %d bytes", len(err.Error()))
		}
	}
}
