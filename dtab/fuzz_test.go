// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse holds that reading and printing are inverse, and that a mistake has
// its place in the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "/a=>/b", "/*/a => 2*/b & (/c | !) | ~ ; # x", `/\xff=>$;`, "/=>1.005*/a&.5*/b", "/a=>((((/b))))",
		"/a => 1.2.3 * /b", "/é => /b", "\u2003/a\u00a0=>/b", "/a=>9999999999*/b & 0.001*/c", "(", "/a=>~;;",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, positions, err := ParsePositions(text)
		if err != nil {
			checkSyntaxError(t, text, err)
			return
		}
		for i, p := range positions {
			if text[p.Offset] != '/' || p.Line != 1+strings.Count(text[:p.Offset], "\n") {
				t.Fatalf("rule %d of %q is not at %v", i, text, p)
			}
		}
		// Printing rounds weights; what is printed then stays as it is.
		rounded := reread(t, reread(t, d))
		if again := reread(t, rounded); !reflect.DeepEqual(rounded, again) {
			t.Fatalf("%q: %s becomes %s", text, rounded, again)
		}
		for _, e := range d {
			exact := FormatTreeExact(e.Dst)
			if again, err := ParseTree(exact); len(exact) <= MaxText && !reflect.DeepEqual(e.Dst, again) {
				t.Fatalf("%q: %s is not exact: %v", text, exact, err)
			}
		}
	})
}

// reread prints a table and reads it again, as text and as JSON.
func reread(t *testing.T, d Dtab) Dtab {
	t.Helper()
	text := d.String()
	if len(text) > MaxText {
		return d // escapes take room
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	encoded, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var decoded Dtab
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatalf("%s: %v", encoded, err)
	}
	if !reflect.DeepEqual(again, decoded) {
		t.Fatalf("%q and %s differ", text, encoded)
	}
	return again
}

func checkSyntaxError(t *testing.T, text string, err error) {
	t.Helper()
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("%q: %v is not a syntax error", text, err)
	}
	lines := strings.Split(text, "\n")
	offset := syntax.Column - 1
	for _, line := range lines[:syntax.Line-1] {
		offset += len(line) + 1
	}
	if offset != syntax.Offset || syntax.Error() == "" || syntax.Text != text {
		t.Fatalf("%q: %+v", text, syntax)
	}
}

// FuzzParsePath holds that a printed path reads as the same path.
func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", `/\x2f\x00`, "/a#b # c", "/*", `/\x`, "/é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePath(text)
		if err != nil {
			checkSyntaxError(t, text, err)
			return
		}
		again, err := ParsePath(p.String())
		if err != nil && len(p.String()) <= MaxText || err == nil && !again.Equal(p) {
			t.Fatalf("%q prints %q: %v", text, p, err)
		}
		if _, err := ParsePrefix(text); err != nil {
			t.Fatalf("%q is a path and not a prefix: %v", text, err)
		}
	})
}

// FuzzBind holds that binding comes to an end within its budget, and to the same
// as the reference.
func FuzzBind(f *testing.F) {
	for _, seed := range [][2]string{
		{"/svc => /#; /svc/a => 2*/#/b & /#/pending", "/svc/a"},
		{"/a => /a & /a", "/a"},
		{"/a => /a/b", "/a"},
		{"/ => /#/a", "/x"},
		{"/*/*=>/$/io.buoyant.http.domainToPathPfx/#;/#/a/*=>/#/both|!", "/x/a.a/y"},
		{"/s=>/$/io.buoyant.hostportPfx/h;/h=>/$/io.buoyant.rinet", "/s/80:a"},
		{`/\xff=>/$/inet/1`, `/\xff/\xfe`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, table, path string) {
		d, err := Parse(table)
		if err != nil || len(table) > 1000 {
			return
		}
		p, err := ParsePath(path)
		if err != nil || len(path) > 1000 {
			return
		}
		compareWithReference(t, d, p)
		node, err := Interpreter{Table: NewTable(d), Namers: testWorld(), Steps: 300}.Delegate(p)
		if err != nil {
			return
		}
		if text, err := json.Marshal(node); err != nil || !json.Valid(text) {
			t.Fatalf("%q: %q: %v", table, path, err)
		}
	})
}
