// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world is a Namers of fixed answers. A name binds with the rest of the path as its residual.
type world map[string]Tree[Name]

var (
	errBroken = errors.New("broken")
	pending   = Tree[Name]{Kind: 100}
	broken    = Tree[Name]{Kind: 101}
)

func (w world) Lookup(p Path) (Tree[Name], error) {
	for n := len(p); n >= 2; n-- {
		t, ok := w[p[:n].String()]
		switch {
		case !ok:
			continue
		case t.Kind == pending.Kind:
			return Tree[Name]{}, ErrPending
		case t.Kind == broken.Kind:
			return Tree[Name]{}, errBroken
		case t.Kind == Leaf && t.Leaf.Bound == nil && t.Leaf.Path == nil:
			bound := Bound{ID: p[:n], Residual: p[n:]}
			return Tree[Name]{Kind: Leaf, Leaf: Name{Bound: &bound}}, nil
		}
		return t, nil
	}
	return Tree[Name]{}, nil
}

var here = Tree[Name]{Kind: Leaf}

func testWorld() world {
	toA := Tree[Name]{Kind: Leaf, Leaf: Name{Path: Path{"#", "a"}}}
	return world{
		"/#/a": here, "/#/b": here, "/#/c": here, "/#/dir/a": here,
		"/#/pending": pending, "/#/broken": broken,
		"/#/fail": {Kind: Fail}, "/#/empty": {Kind: Empty},
		"/#/to-a": toA,
		"/#/both": {Kind: Alt, Children: []Weighted[Name]{{1, Tree[Name]{}}, {1, toA}}},
	}
}

// format prints a bound tree with +RESIDUAL after each ID.
func format(t Tree[Bound]) string {
	return FormatTree(Map(t, func(b Bound) Path {
		if len(b.Residual) == 0 {
			return b.ID
		}
		return concat(concat(b.ID, Path{"+"}), b.Residual)
	}))
}

func bindText(t *testing.T, table, tree string) (string, Binding) {
	t.Helper()
	in := Interpreter{Table: mustTable(t, table), Namers: testWorld()}
	binding, err := in.BindTree(mustTree(t, tree))
	if err != nil {
		return "error: " + err.Error(), binding
	}
	return strings.ReplaceAll(format(binding.Tree), `/\x2b`, "+"), binding
}

func TestBindFollowsTheRules(t *testing.T) {
	for _, c := range []struct{ table, tree, want string }{
		{"", "/#/a", "/#/a"},
		{"", "/#/a/x/y", "/#/a+/x/y"},
		{"", "/#/nothing", "~"},
		{"", "/svc/a", "~"},
		{"", "/", "~"},
		{"/svc => /#", "/svc/a", "/#/a"},
		{"/svc => /#; /svc/a => /#/b", "/svc/a", "/#/b"},
		{"/svc/a => /#/b; /svc => /#", "/svc/a", "/#/a"},
		{"/svc => /#; /svc/a => /#/gone", "/svc/a", "/#/a"},
		{"/svc => /#; /svc/a => !", "/svc/a", "!"},
		{"/svc => /#; /svc/a => $", "/svc/a", "$"},
		{"/svc => /#; /svc/a => ~", "/svc/a", "/#/a"},
		{"/x => /#/a; /svc/*/y => /x", "/svc/q/y/z", "/#/a+/z"},
		{"/svc => 9*/#/a & /#/b", "/svc", "9.00*/#/a & /#/b"},
		{"/svc => 9*/#/a & /#/gone", "/svc", "/#/a"},
		{"/svc => 9*/#/a & /#/empty", "/svc", "9.00*/#/a & $"},
		{"/svc => 9*/#/a & !", "/svc", "/#/a"},
		{"/svc => ! & !", "/svc", "~"},
		{"/svc => /#/empty | /#/a", "/svc", "$"},
		{"/svc => /#/fail | /#/a", "/svc", "!"},
		{"/svc => (! & ~) | /#/a", "/svc", "/#/a"},
		{"/svc => 3*(/#/gone | /#/a) & 4*(2*/#/b & 5*/#/c)", "/svc", "3.00*/#/a & 4.00*(2.00*/#/b & 5.00*/#/c)"},
		{"", "/#/to-a/x", "/#/a"},
		{"/#/a => /#/b", "/#/to-a", "/#/b"},
		{"", "/#/both", "/#/a"},
		{"", "/#/gone | /#/a", "/#/a"},
		// Rules are asked of concrete names as well.
		{"/#/a => /#/b", "/#/a/x", "/#/b+/x"},
		{"/#/a => ~", "/#/a", "/#/a"},
		{"/#/a => ~; /#/a => ~", "/#/a", "~"},
		{"/$/inet => !", "/$/inet/1", "!"},
		{"/ => !", "/#/a", "!"},
		// Pending and broken names.
		{"/svc => /#/pending | /#/a", "/svc", "error: /#/pending: pending"},
		{"/svc => /#/broken | /#/a", "/svc", "error: /#/broken: broken"},
		{"/svc => /#/a | /#/broken", "/svc", "/#/a"},
		{"/svc => 2*/#/pending & 3*/#/a & 4*/#/broken & 5*/#/b", "/svc", "3.00*/#/a & 5.00*/#/b"},
		{"/svc => /#/pending & /#/gone", "/svc", "~"},
		{"/svc => /#/pending & /#/broken/x", "/svc", "error: /#/broken/x: broken"},
		{"/svc => /#/pending & /#/pending/2", "/svc", "error: /#/pending: pending"},
		{"/svc => (/#/pending & /#/gone) | /#/a", "/svc", "/#/a"},
	} {
		got, _ := bindText(t, c.table, c.tree)
		if got != c.want {
			t.Errorf("%q: %s binds to %s, want %s", c.table, c.tree, got, c.want)
		}
	}
}

func TestBindReportsWhatWasLeftOut(t *testing.T) {
	_, binding := bindText(t, "/loop => /loop; /svc => /#/a & /#/pending & (/#/b & /#/broken) & /loop & /$/what", "/svc")
	var got []string
	for _, err := range binding.LeftOut {
		got = append(got, err.Error())
	}
	want := []string{
		"/#/broken: broken",
		"/#/pending: pending",
		"/loop: Max recursion level: 100 reached in Namer lookup: /loop -> /loop",
		"/$/what: Unknown namer: what for path: /$/what",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, target := range []error{errBroken, ErrPending, ErrDepth} {
		if !errors.Is(binding.LeftOut[i], target) {
			t.Errorf("%v is not %v", binding.LeftOut[i], target)
		}
	}
}

func TestBindRemembersTheInnermostUnionWeight(t *testing.T) {
	_, binding := bindText(t, "/x => 0*/#/a & 7*/#/gone; /y => /#/b | /#/c", "2*/x & 3*/y & 4*(/#/dir/a | 9*/#/c)")
	got := map[string]float64{}
	leaves, _ := Eval(binding.Tree)
	for _, b := range leaves {
		got[b.ID.String()] = *b.UnionWeight
	}
	if diff := cmp.Diff(map[string]float64{"/#/a": 0, "/#/b": 3, "/#/dir/a": 4}, got); diff != "" {
		t.Error(diff)
	}
	if _, binding := bindText(t, "", "/#/a"); binding.Tree.Leaf.UnionWeight != nil {
		t.Error("a name outside of unions has a weight")
	}
}

// chain is a table of n rewrites from /0 to /#/a.
func chain(n int) string {
	var text strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&text, "/%d => /%d;", i, i+1)
	}
	fmt.Fprintf(&text, "/%d => /#/a", n-1)
	return text.String()
}

func TestBindGoesAHundredDeep(t *testing.T) {
	if got, _ := bindText(t, chain(99), "/0"); got != "/#/a" {
		t.Errorf("99 rewrites and a namer: %s", got)
	}
	in := Interpreter{Table: mustTable(t, chain(100)), Namers: testWorld()}
	_, err := in.Bind(Path{"0"})
	if !errors.Is(err, ErrDepth) {
		t.Errorf("100 rewrites and a namer: %v", err)
	}
	// The resolution that finds nothing counts as well.
	in = Interpreter{Table: mustTable(t, strings.Replace(chain(100), "/#/a", "/gone", 1))}
	if _, err := in.Bind(Path{"0"}); !errors.Is(err, ErrDepth) {
		t.Errorf("100 rewrites to nothing: %v", err)
	}
	if b, err := in.Bind(Path{"1"}); err != nil || b.Tree.Kind != Neg {
		t.Errorf("99 rewrites to nothing: %v %v", b, err)
	}
}

func TestDepthErrorsExplainTheLoop(t *testing.T) {
	for table, want := range map[string]string{
		"/a => /a":                     "/a: Max recursion level: 100 reached in Namer lookup: /a -> /a",
		"/a => /b; /b => /c; /c => /b": "/c: Max recursion level: 100 reached in Namer lookup: /c -> /b -> /c",
		"/a => /a/x":                   "/a" + strings.Repeat("/x", 19) + "/...: Max recursion level: 100 reached in Namer lookup: /a -> /a/x -> /a/x/x -> /a/x/x/x -> ...",
		"/ => /a":                      "/a" + strings.Repeat("/a", 19) + "/...: Max recursion level: 100 reached in Namer lookup: /a -> /a/a -> /a/a/a -> /a/a/a/a -> ...",
		"/ => /#/x":                    "/#/x" + strings.Repeat("/#/x", 9) + "/...: Max recursion level: 100 reached in Namer lookup: /a -> /#/x/a -> /#/x/#/x/a -> /#/x/#/x/#/x/a -> ...",
	} {
		if got, _ := bindText(t, table, "/a"); got != "error: "+want {
			t.Errorf("%s:\n got %s\nwant error: %s", table, got, want)
		}
	}
}

func TestBindStaysWithinItsBudget(t *testing.T) {
	for _, table := range []string{
		"/a => /a & /a",
		"/a => /b & /b; /b => /a & /a | /#/a",
		"/a => ~ | (/b & /b); /b => /a",
		"/a => " + strings.Repeat("~ & ", 100000) + "/a",
		"/a => /a" + strings.Repeat("/x", 400000),
	} {
		in := Interpreter{Table: mustTable(t, table), Namers: testWorld()}
		if _, err := in.Bind(Path{"a"}); !errors.Is(err, ErrSteps) {
			t.Errorf("%.40s: got %v", table, err)
		}
	}
	in := Interpreter{Table: mustTable(t, chain(3)), Namers: testWorld(), Steps: 4}
	if _, err := in.Bind(Path{"0"}); err != nil {
		t.Errorf("four resolutions: %v", err)
	}
	in.Steps = 3
	if _, err := in.Bind(Path{"0"}); !errors.Is(err, ErrSteps) {
		t.Errorf("three resolutions of four: %v", err)
	}
}
