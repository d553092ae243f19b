// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
)

func TestTable(t *testing.T) {
	tests := []struct {
		reason string
		table  string
		want   []string // rule kind: message
	}{
		{"the articles' tables mean what they say", `
			/srv        => /#/io.l5d.fs ;
			/srv        => /#/io.l5d.serversets/path/to/services ;
			/host       => /srv ;
			/http/1.1/* => /host ;
			/host/users => /srv/users-v2 | /srv/users ;`, nil},
		{"so do weights, zero among them", `
			/cluster   => /#/io.l5d.fs ;
			/svc       => /cluster ;
			/svc/redis => 9 * /cluster/redis1 & 0 * /cluster/redis2 ;`, nil},
		{"a rule whose prefix begins with a destination is for what follows it", `
			/svc => /host ;
			/host/*/redis => /$/inet/127.1/6379`, nil},
		{"a name that leads to itself", "/a => /b; /b => /c; /c => /a", []string{
			"0 loop: its names go round in a circle: /a -> /b -> /c -> /a",
		}},
		{"a circle that only longer names go round in", "/a => /b; /b/* => /a/x", []string{
			"0 loop: its names go round in a circle: /a/x -> /b/x -> /a/x",
		}},
		{"a circle behind an alternative", "/a => /#/io.l5d.fs/a | /b; /b => /a", []string{
			"0 loop: its names go round in a circle: /a -> /b -> /a",
		}},
		{"ever longer names", "/a => /a/b", []string{
			"0 loop: its names lead to ever new names: /a -> /a/b -> /a/b/b -> /a/b/b/b -> ...",
		}},
		{"a rule for every name, concrete ones among them", "/ => /#/io.l5d.fs", []string{
			"0 loop: its names lead to ever new names: / -> /#/io.l5d.fs -> /#/io.l5d.fs/#/io.l5d.fs -> /#/io.l5d.fs/#/io.l5d.fs/#/io.l5d.fs -> ...",
		}},
		{"a later rule refuses all its names", "/a/b => /#/x; /a => !", []string{
			"0 shadowed: a later rule is for all its names and always answers: /a => !",
		}},
		{"a later rule with a wildcard has an address", "/a/b => /#/x; /*/b => /$/inet/127.1/80", []string{
			"0 shadowed: a later rule is for all its names and always answers: /*/b => /$/inet/127.1/80",
		}},
		{"a later rule leads to one that always answers", "/c => $; /a => /#/x; /a => /#/y | /c", []string{
			"1 shadowed: a later rule is for all its names and always answers: /a => /#/y | /c",
		}},
		{"what a later rule leads to may depend on the rest of the name", "/c => $; /c/x => /#/x; /a => /#/x; /a => /c", nil},
		{"the same rule twice", "/a => /#/x; /b => /#/x; /a => /#/x", []string{
			"0 shadowed: a later rule says the same: /a => /#/x",
		}},
		{"a later rule for more names may find nothing", "/a/b => /#/x; /a => /#/y", nil},
		{"a misspelt destination", "/cluster => /#/io.l5d.fs; /svc => /clutser | /cluster", []string{
			"1 dead-end: no rule matches /clutser or a name below it, so it is bound to nothing",
		}},
		{"a system namer that there is not", "/a => /$/nosuch/x; /b => /$/inet; /c => /$/inet/h", []string{
			"0 dead-end: there is no namer /$/nosuch, so /$/nosuch/x cannot be looked up",
		}},
		{"alternatives after the last that can be tried", "/a => /#/x | $ | /#/y", []string{
			"0 unreachable: the alternative $ always answers, so /#/y is never tried",
		}},
		{"an alternative that is nothing, and one that was tried", "/a => ~ | /#/x | /#/x", []string{
			"0 unreachable: the alternative ~ is no such name, so the next is tried at once",
			"0 unreachable: the alternative /#/x is there twice; the second is tried when the first was nothing, and is nothing then",
		}},
		{"weights that come to nothing", "/a => /#/x | 0 * /#/y & 0.0 * /#/z", []string{
			"0 no-weight: all weights of 0*/#/y & 0*/#/z are zero, so its connections are refused",
		}},
		{"a share that is given to the others", "/a => 1 * ! & 9 * /#/x", []string{
			"0 dropped: the branch ! of ! & 9*/#/x is left out, and the others get its share",
		}},
		{"a union of what fails is nothing, so what comes after it is tried", "/a => (! & !) | /#/x", []string{
			"0 dropped: the branch ! of ! & ! is left out, and the others get its share",
			"0 dropped: the branch ! of ! & ! is left out, and the others get its share",
		}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			var got []string
			for _, f := range Table(parse(t, test.table)) {
				got = append(got, fmt.Sprintf("%d %s: %s", f.Rule, f.Kind, f.Message))
				if f.Mend == "" {
					t.Errorf("%s: no mend", f.Message)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func parse(t *testing.T, text string) dtab.Dtab {
	t.Helper()
	d, err := dtab.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// existing has the names of its keys.
type existing map[string]bool

func (e existing) Lookup(p dtab.Path) (dtab.Tree[dtab.Name], error) {
	if !e[p.String()] {
		return dtab.Tree[dtab.Name]{}, nil
	}
	return dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Bound: &dtab.Bound{ID: p}}}, nil
}

// randomRule is one rule of few words, so that rules meet.
func randomRule(r *rand.Rand) string {
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	path := func() string { return strings.Repeat("/"+pick("a", "b", "c"), 1+r.IntN(2)) }
	leaf := func() string {
		return pick(path(), path(), "/#/"+pick("x", "y"), "/$/inet/127.1/80", "/$/nil", "!", "~", "$")
	}
	prefix := pick(path(), path()+"/*", "/*", "/")
	return prefix + " => " + pick(leaf(), leaf()+" | "+leaf(), "2 * "+leaf()+" & 1 * "+leaf(), "("+leaf()+" & "+leaf()+") | "+leaf())
}

// A rule that is never tried can be taken away: no name changes, whatever exists.
func TestShadowedRulesChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	shadowed := 0
	for range 1500 {
		var rules []string
		for range 1 + r.IntN(5) {
			rules = append(rules, randomRule(r))
		}
		d := parse(t, strings.Join(rules, ";"))
		findings := Table(d)
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Kind == Loop }) {
			continue // where names lead too deep, one step less shows another error
		}
		for _, f := range findings {
			if f.Kind != Shadowed {
				continue
			}
			shadowed++
			without := append(append(dtab.Dtab{}, d[:f.Rule]...), d[f.Rule+1:]...)
			for _, world := range []existing{{}, {"/#/x": true}, {"/#/x": true, "/#/y": true, "/#/x/a": true, "/#/y/b": true}} {
				for _, name := range []string{"/a", "/b", "/c", "/a/a", "/a/b", "/b/a", "/c/c/c", "/a/a/b"} {
					was, is := bind(d, world, name), bind(without, world, name)
					if was != is && !strings.Contains(was+is, "error") {
						t.Fatalf("%s\nof %s: %s; without rule %d (%s): %s", d, name, was, f.Rule, f.Message, is)
					}
				}
			}
		}
	}
	if shadowed < 100 {
		t.Errorf("only %d rules were shadowed, which proves little", shadowed)
	}
}

func bind(d dtab.Dtab, world existing, name string) string {
	binding, err := dtab.Interpreter{Table: dtab.NewTable(d), Namers: world, Steps: 500}.Bind(dtab.MustParsePath(name))
	if err != nil {
		return "error " + err.Error()
	}
	return dtab.FormatTreeExact(dtab.Map(binding.Tree, func(b dtab.Bound) dtab.Path { return b.ID }))
}

// What a check costs does not explode with the table.
func TestTheCostIsBounded(t *testing.T) {
	tables := map[string]string{
		"branching": "/a => /b/x & /c/x & /b/y & /c/y; /b => /a/1; /c => /a/2",
		"one name":  strings.Repeat("/a => /#/x/y | /b;", 5000) + "/b => /a",
		"long":      strings.Repeat("/a => /a/b/c/d/e/f/g/h/i/j/k;", 300),
		"many":      manyRules(10000),
	}
	for name, text := range tables {
		t.Run(name, func(t *testing.T) {
			d := parse(t, text)
			began := time.Now()
			findings := Table(d)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if len(findings) > MaxFindings {
				t.Errorf("%d findings", len(findings))
			}
		})
	}
}

// manyRules is an ordinary table, but large.
func manyRules(n int) string {
	var text strings.Builder
	text.WriteString("/cluster => /#/io.l5d.k8s/prod/redis;")
	for i := range n {
		fmt.Fprintf(&text, "/svc/team%d/redis => 9 * /cluster/redis%d & 1 * /cluster/redis%d-canary;", i, i, i)
	}
	return text.String()
}

func TestLargeOrdinaryTablesAreCheckedToTheEnd(t *testing.T) {
	if findings := Table(parse(t, manyRules(10000))); len(findings) > 0 {
		t.Errorf("found %+v", findings)
	}
}

func TestMend(t *testing.T) {
	tests := map[string]string{
		"/svc => /a\n/x => /b":  "end the rule before with ;",
		"/svc = /a":             "write => between",
		"/svc -> /a":            "write => between",
		"/svc => 9 /a & /b":     "a star after the weight",
		"/svc => 9% * /a & /b":  "a plain number",
		"/svc => -1 * /a & /b":  "without a sign",
		"/svc => 1..5 * /a":     "a plain number",
		"/svc => /a/":           "remove the slash at the end",
		"/svc/ => /a":           "remove the slash at the end",
		"/svc => /a/\n":         "remove the slash at the end",
		"/svc => /a//b":         "leave one of the slashes out",
		"/svc => //a":           "leave one of the slashes out",
		"/svc => /a/*":          "wildcards are for the prefixes",
		"/svc => /a*":           "wildcards are for the prefixes",
		"/svc => /*":            "wildcards are for the prefixes",
		"/svc => /a * 9 & /b":   "a weight before its destination",
		"svc => /a":             "begin the path with /",
		"/svc => a":             "begin a destination with /",
		"/svc => /a;; /b => /c": "remove the ;",
		"/svc => /a , /b":       "put & between",
		"/svc => 1*/a + 1*/b":   "put & between",
		"/svc => /a || /b":      "a single |",
		"/svc => /a && /b":      "a single &",
		"/svc => * /a":          "a weight before the star",
		"/svc => $/inet/h/1":    "write /$/",
		"/svc => (/a | /b":      "close the parenthesis",
		"/svc => /a)":           "remove the parenthesis",
		"/svc =>":               "write a destination",
		"/a* => /b":             "a whole element",
		`/svc => /\x4 `:         "two hex digits",
		"/svc => /a@b":          "two hex digits",
	}
	for text, want := range tests {
		_, err := dtab.Parse(text)
		var syntax *dtab.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := Mend(Rules, syntax); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Within a field of an object there are no other rules, and within a path nothing
// but a path.
func TestMendKnowsWhatTheTextIs(t *testing.T) {
	tests := []struct {
		of         Text
		text, want string
	}{
		{Name, "/svc//redis", "leave one of the slashes out: a path is /a/b, with something after each slash"},
		{Name, "/svc/redis/", "remove the slash at the end: a path is /a/b, with something after each slash"},
		{Name, "/svc/redis;", "remove what follows: a path is one word, such as /a/b"},
		{Name, "/svc/redis | /b", "remove what follows: a path is one word, such as /a/b"},
		{Name, "/svc/red is", "remove what follows: a path is one word, such as /a/b"},
		{Name, "/svc/redis@1", `remove what follows: a path is one word, such as /a/b; in a path, write '@' as \x and two hex digits`},
		{Name, "/svc/*", "leave the * out: wildcards are for the prefixes of rules"},
		{Name, "/svc*", "leave the * out: wildcards are for the prefixes of rules"},
		{Name, ";", "begin the path with /, as in /svc"},
		{Prefix, "/svc*", "a wildcard is a whole element, as in /a/*/b"},
		{Prefix, "/svc => /a", "leave => out: this is the prefix of one rule, and its destination is a field of its own"},
		{Prefix, "//svc", "leave one of the slashes out: a path is /a/b, with something after each slash"},
		{Destination, "/a;", "leave the ; out: this is the destination of one rule, and another is an entry of its own"},
		{Destination, "/a /b", "put | or & between two destinations"},
		{Destination, "/svc => /a", "leave => out: this is the destination of one rule, and another is an entry of its own"},
		{Destination, "/a ?", `remove what follows, or put | or & between two destinations; in a path, write '?' as \x and two hex digits`},
	}
	for _, test := range tests {
		var err error
		switch test.of {
		case Name:
			_, err = dtab.ParsePath(test.text)
		case Prefix:
			_, err = dtab.ParsePrefix(test.text)
		default:
			_, err = dtab.ParseTree(test.text)
		}
		var syntax *dtab.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if diff := cmp.Diff(test.want, Mend(test.of, syntax)); diff != "" {
			t.Errorf("%q, %v (-want +got):\n%s", test.text, err, diff)
		}
	}
}

func TestDescribe(t *testing.T) {
	tests := map[string]string{
		"/svc =>":            "a destination expected, but end of input found",
		"/svc = /a":          "'>' expected, but ' ' found",
		"/svc => /a//b":      "something after the slash expected, but '/' found",
		"/svc => /a\n/b=>/c": "'/' found, where nothing more belongs",
	}
	for text, want := range tests {
		_, err := dtab.Parse(text)
		var syntax *dtab.SyntaxError
		if !errors.As(err, &syntax) || Describe(syntax) != want {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

// What parses can be checked, and what does not has a mend.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{
		"/a => /b; /b => /a", "/ => /", "/*/a => /a & ~ | !", "/a => 0*/b & 0*/c", "/a => /$/x", "/a=>", "/a@", "/a => (/b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := dtab.Parse(text)
		var syntax *dtab.SyntaxError
		if errors.As(err, &syntax) && Mend(Rules, syntax) == "" {
			t.Errorf("no mend for %v", err)
		}
		for _, finding := range Table(d) {
			if finding.Rule < 0 || finding.Rule >= len(d) || finding.Message == "" || finding.Mend == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}
