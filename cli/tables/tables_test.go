// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show is a table in lines.
func show(t *Table) []string {
	lines := []string{fmt.Sprintf("table %s/%s", t.Namespace, t.Name)}
	for _, r := range t.Rules {
		lines = append(lines, fmt.Sprintf("%s %s => %s", r.Place, r.Prefix, r.Dst))
	}
	for _, m := range t.Mistakes {
		lines = append(lines, "wrong "+m.Error())
	}
	return lines
}

func TestRead(t *testing.T) {
	tests := []struct {
		reason, text string
		want         []string
	}{
		{"what dtab get prints", "# version AAAAAAAAAAE=\n/cluster    => /#/io.l5d.fs ;\n/svc/redis  => 0.001 * /cluster/redis1 & 1 * /b ;\n", []string{
			"table /",
			"f:2:1 /cluster => /#/io.l5d.fs",
			"f:3:1 /svc/redis => 0.001*/cluster/redis1 & /b",
		}},
		{"nothing is the empty table", " # none\n", []string{"table /"}},
		{"a text that does not parse", "/svc => /a\n/b => /c", []string{
			"table /",
			"wrong f:2:1: '/' found, where nothing more belongs; end the rule before with ;, or put | or & between two destinations",
		}},
		{"a text that begins with no slash is a text all the same", "svc => /a", []string{
			"table /",
			"wrong f:1:1: '/' expected, but 's' found; begin the path with /, as in /svc",
		}},
		{"Dtabs among other objects", `
apiVersion: wye.dev/v1alpha1
kind: TCPRoute
metadata: {name: redis}
---
apiVersion: wye.dev/v1alpha1
kind: Dtab
metadata:
  name: default
  namespace: prod
spec:
  dentries:
  - prefix: /svc
    dst: 2 * /a & 1 * /b
---
apiVersion: wye.dev/v1alpha1
kind: Dtab
metadata: {name: empty}
`, []string{
			"table prod/default",
			"f:13 /svc => 2 * /a & 1 * /b",
			"table /empty",
		}},
		{"mistakes have their place in the file", `
kind: Dtab
apiVersion: wye.dev/v1alpha1
spec:
  dentries:
    - prefix: /svc/
      dst: "/a b"
    - dst: '/x'
      prefix: svc
    - prefix: /ok
      dst: >
        /a
        /b
`, []string{
			"table /",
			"f:6 /svc/ => /a b",
			"f:9 svc => /x",
			"f:10 /ok => /a /b\n",
			"wrong f:6:20: spec.dentries[0].prefix: something after the slash expected, but end of input found; remove the slash at the end: a path is /a/b, with something after each slash",
			"wrong f:9:15: spec.dentries[1].prefix: '/' expected, but 's' found; begin the path with /, as in /svc",
			"wrong f:11: spec.dentries[2].dst: '/' found, where nothing more belongs; put | or & between two destinations",
		}},
		{"l5d.io objects, as kubectl lists them", `{"apiVersion":"v1","kind":"List","items":[
{"apiVersion":"l5d.io/v1alpha1","kind":"DTab","metadata":{"name":"web","namespace":"l5d"},"dentries":[{"prefix":"/svc","dst":"/a"}]}]}`, []string{
			"table l5d/web",
			"f:2 /svc => /a",
		}},
		{"namerctl's JSON", `{"version":"AAAAAAAAAAE=","dtab":[{"prefix":"/svc","dst":"/a \u0026 /b"}]}`, []string{"table /", "f:1 /svc => /a & /b"}},
		{"namerd's JSON", `[{"prefix":"/svc","dst":"/a"}]`, []string{"table /", "f:1 /svc => /a"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			found, err := Read("f", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, table := range found {
				got = append(got, show(table)...)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tests := map[string]string{
		"kind: TCPRoute\napiVersion: wye.dev/v1alpha1": "f: there is no delegation table in it",
		"{":                                          "f: yaml: ",
		`[{"prefix":"/svc"}]`:                        "f:1:2: [0] is not a rule: it needs prefix and dst, both of them texts",
		`{"dtab":"/svc => /a"}`:                      "f:1:9: dtab is not a list of rules",
		"#" + strings.Repeat("x", MaxText):           "f is longer than 8388608 bytes",
		"a: &a [*a, *a]\ndtab: [*b]":                 "f: yaml: ",
		"dtab: [{prefix: [/svc], dst: /a}]":          "f:1:8: dtab[0] is not a rule",
		"dtab:\n- &r {prefix: /a, dst: /b}\n- *gone": "f: yaml: ",
	}
	for text, want := range tests {
		if _, err := Read("f", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	a, b, unnamed := &Table{Name: "a"}, &Table{Name: "b"}, &Table{}
	tests := []struct {
		found []*Table
		name  string
		want  *Table
	}{
		{[]*Table{a, b}, "b", b},
		{[]*Table{a, b}, "", nil},
		{[]*Table{a, b}, "c", nil},
		{[]*Table{a}, "", a},
		{[]*Table{a}, "b", nil},
		{[]*Table{unnamed}, "a", unnamed},
	}
	for _, test := range tests {
		got, err := Find("f", test.found, test.name)
		if got != test.want || (err == nil) != (test.want != nil) {
			t.Errorf("%q of %d: %v, %v", test.name, len(test.found), got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"/svc => /a", "[]", "{}", "kind: List\nitems: [{kind: List, items: []}]", "dtab:\n- {prefix: /a, dst: \"/b\\x20 c\"}",
		"apiVersion: wye.dev/v1\nkind: Dtab\nspec: {dentries: [{prefix: a, dst: '/''x'}]}", "a: &a {x: *a}", "---\n...\n---\n", "dtab: &x [*x]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := Read("f", text)
		if err != nil {
			return
		}
		for _, table := range found {
			d, err := table.Dtab()
			if (err == nil) != (len(table.Mistakes) == 0) || err == nil && len(d) != len(table.Places()) {
				t.Errorf("%d rules, %d mistakes: %v", len(table.Rules), len(table.Mistakes), err)
			}
		}
	})
}
