// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// plain is what an encoder gives that leaves <, > and & as they are.
func plain(t *testing.T, v any) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(text.Bytes()))
}

func TestDtabsInJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      `[]`,
		`/\x20 => 2*/a & /b | !; /*/x => $`:     `[{"prefix":"/\\x20","dst":"2.00*/a & /b | !"},{"prefix":"/*/x","dst":"$"}]`,
		"/svc=>/#/io.l5d.fs;/ => (/a | ~) | /b": `[{"prefix":"/svc","dst":"/#/io.l5d.fs"},{"prefix":"/","dst":"(/a | ~) | /b"}]`,
	} {
		d, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := plain(t, d); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
		var again Dtab
		if err := json.Unmarshal([]byte(want), &again); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Errorf("%s: %s", want, diff)
		}
	}
	if got := plain(t, Dtab(nil)); got != "[]" {
		t.Errorf("a nil table is %s", got)
	}
}

func TestDtabsInJSONAreReadStrictly(t *testing.T) {
	for _, text := range []string{
		`null`, `{}`, `"/a=>/b"`, `[null]`, `[1]`, `[[]]`, `[{}]`,
		`[{"prefix":"/a"}]`,
		`[{"dst":"/a"}]`,
		`[{"prefix":"/a","dst":null}]`,
		`[{"prefix":"/a","dst":1}]`,
		`[{"prefix":"/a","dst":"/b","x":"y"}]`,
		`[{"Prefix":"/a","dst":"/b"}]`,
		`[{"prefix":"/a","dst":"/b"}] x`,
		`[{"prefix":"/a/","dst":"/b"}]`,
		`[{"prefix":"/a","dst":"/b |"}]`,
	} {
		d := Dtab{{Prefix: Prefix{"kept"}}}
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s is read", text)
		}
		if len(d) != 1 || d[0].Prefix[0] != "kept" {
			t.Errorf("%s changes the table though it is refused", text)
		}
	}
	var d Dtab
	var dentry *DentryError
	err := json.Unmarshal([]byte(`[{"prefix":"/a","dst":"/b |"}]`), &d)
	if !errors.As(err, &dentry) || dentry.Field != "dst" {
		t.Errorf("got %v", err)
	}
}

func TestDelegationsInJSON(t *testing.T) {
	for _, c := range []struct{ table, path, want string }{
		{
			"", "/#/a/x",
			`{"type":"leaf","path":"/#/a/x","bound":{"addr":"/#/a!","id":"/#/a","path":"/x"}}`,
		},
		{
			"/svc => /#/a", "/svc",
			`{"type":"delegate","path":"/svc","delegate":{"type":"leaf","path":"/#/a","dentry":{"prefix":"/svc","dst":"/#/a"},"bound":{"addr":"/#/a!","id":"/#/a","path":"/"}}}`,
		},
		{
			"/svc => 3 * ~ & .5*/$/fail", "/svc",
			`{"type":"union","path":"/svc","union":[` +
				`{"weight":3.0,"tree":{"type":"neg","path":"~","dentry":{"prefix":"/svc","dst":"3.00*~ & 0.50*/$/fail"}}},` +
				`{"weight":0.5,"tree":{"type":"fail","path":"/$/fail","dentry":{"prefix":"/svc","dst":"3.00*~ & 0.50*/$/fail"}}}]}`,
		},
		{
			"/svc => ! | $ | /$/what", "/svc",
			`{"type":"alt","path":"/svc","alt":[` +
				`{"type":"fail","path":"!","dentry":{"prefix":"/svc","dst":"! | $ | /$/what"}},` +
				`{"type":"empty","path":"/svc","dentry":{"prefix":"/svc","dst":"! | $ | /$/what"}},` +
				`{"type":"exception","path":"/$/what","dentry":{"prefix":"/svc","dst":"! | $ | /$/what"},"message":"Unknown namer: what for path: /$/what"}]}`,
		},
	} {
		in := Interpreter{Table: mustTable(t, c.table), Namers: testWorld()}
		node, err := in.Delegate(MustParsePath(c.path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := node.JSON(func(b Bound) any { return b.ID.String() + "!" })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%q: %s", c.table, diff)
		}
	}
}

func TestDelegationsOfOthersInJSON(t *testing.T) {
	bound := Bound{ID: Path{"%", "port", "#", "a"}}
	node := &Delegation{
		Kind: NodeTransformation, Path: Path{"#", "a"}, Name: "port", Bound: &bound,
		Children: []WeightedDelegation{{1, &Delegation{Kind: NodeLeaf, Path: Path{"#", "a"}, Bound: &Bound{ID: Path{"#", "a"}}}}},
	}
	want := `{"type":"transformation","path":"/#/a","name":"port","bound":{"id":"/%/port/#/a","path":"/"},` +
		`"tree":{"type":"leaf","path":"/#/a","bound":{"id":"/#/a","path":"/"}}}`
	if diff := cmp.Diff(want, plain(t, node)); diff != "" {
		t.Error(diff)
	}
}

func TestWeightsInJSON(t *testing.T) {
	for weight, want := range map[JSONWeight]string{
		0: "0.0", 1: "1.0", 3: "3.0", 0.25: "0.25", 33.333: "33.333", 0.001: "0.001", 0.0001: "1.0E-4",
		1234567: "1234567.0", 1e7: "1.0E7", 123456789: "1.23456789E8", 1e300: "1.0E300", 2.5e-12: "2.5E-12",
	} {
		if got := plain(t, weight); got != want {
			t.Errorf("%v is %s, want %s", float64(weight), got, want)
		}
	}
}
