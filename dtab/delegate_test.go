// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outline prints a delegation, a node a line: depth, kind, path, rule.
func outline(n *Delegation, indent string) string {
	text := indent + string(n.Kind) + " " + n.pathText()
	if n.Dentry != nil {
		text += " by " + n.Dentry.String()
	}
	if n.Bound != nil {
		text += " id " + n.Bound.ID.String() + " rest " + n.Bound.Residual.String()
	}
	if n.Err != nil {
		text += " error " + linkerdText(n.Err)
	}
	text += "\n"
	for _, c := range n.Children {
		text += outline(c.Tree, indent+"  ")
	}
	return text
}

func TestDelegateShowsEveryStep(t *testing.T) {
	for _, c := range []struct{ table, path, want string }{
		{"", "/#/a/x", `
leaf /#/a/x id /#/a rest /x`},
		{"", "/svc", `
neg /svc`},
		{"/svc => /#/a", "/svc/x", `
delegate /svc/x
  leaf /#/a/x by /svc=>/#/a id /#/a rest /x`},
		{"/svc => /#/a; /svc => /b", "/svc", `
alt /svc
  neg /b by /svc=>/b
  leaf /#/a by /svc=>/#/a id /#/a rest /`},
		// Alternatives of a rule stay inside its own node; those of several rules are one list.
		{"/svc => /#/a | ! | $ | ~", "/svc", `
alt /svc
  leaf /#/a by /svc=>/#/a | ! | $ | ~ id /#/a rest /
  fail ! by /svc=>/#/a | ! | $ | ~
  empty /svc by /svc=>/#/a | ! | $ | ~
  neg ~ by /svc=>/#/a | ! | $ | ~`},
		{"/svc => /#/a | /#/b; /svc => /#/c", "/svc", `
alt /svc
  leaf /#/c by /svc=>/#/c id /#/c rest /
  leaf /#/a by /svc=>/#/a | /#/b id /#/a rest /
  leaf /#/b by /svc=>/#/a | /#/b id /#/b rest /`},
		{"/svc => 2*/#/a & (/#/b | !)", "/svc", `
union /svc
  leaf /#/a by /svc=>2.00*/#/a & (/#/b | !) id /#/a rest /
  alt /svc by /svc=>2.00*/#/a & (/#/b | !)
    leaf /#/b by /svc=>2.00*/#/a & (/#/b | !) id /#/b rest /
    fail ! by /svc=>2.00*/#/a & (/#/b | !)`},
		// A delegate around nothing stays.
		{"/svc => ~", "/svc", `
delegate /svc
  neg ~ by /svc=>~`},
		{"/svc => !", "/svc", `
delegate /svc
  fail ! by /svc=>!`},
		{"/svc => /$/fail/x", "/svc", `
delegate /svc
  fail /$/fail/x by /svc=>/$/fail/x`},
		{"/svc => /$/nil", "/svc", `
delegate /svc
  empty /$/nil by /svc=>/$/nil`},
		// A rule hides what a namer would say even if it says ~.
		{"/#/a => ~", "/#/a", `
delegate /#/a
  neg ~ by /#/a=>~`},
		{"/svc => /#/to-a", "/svc", `
delegate /svc
  leaf /#/a by /svc=>/#/to-a id /#/a rest /`},
		{"/svc => /#/both", "/svc", `
delegate /svc
  alt /#/both by /svc=>/#/both
    neg ~ by /svc=>/#/both
    leaf /#/a by /svc=>/#/both id /#/a rest /`},
		{"/a => /b; /b => /c; /c => /#/gone", "/a/x", `
delegate /a/x
  delegate /b/x by /a=>/b
    delegate /c/x by /b=>/c
      neg /#/gone/x by /c=>/#/gone`},
		{"/svc => /$/what", "/svc", `
delegate /svc
  exception /$/what by /svc=>/$/what error Unknown namer: what for path: /$/what`},
		{"/svc => /#/broken | /#/a", "/svc", `
alt /svc
  exception /#/broken by /svc=>/#/broken | /#/a error broken
  leaf /#/a by /svc=>/#/broken | /#/a id /#/a rest /`},
	} {
		in := Interpreter{Table: mustTable(t, c.table), Namers: testWorld()}
		node, err := in.Delegate(MustParsePath(c.path))
		if err != nil {
			t.Errorf("%q: %s: %v", c.table, c.path, err)
			continue
		}
		if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n")+"\n", outline(node, "")); diff != "" {
			t.Errorf("%q: %s: %s", c.table, c.path, diff)
		}
	}
}

func TestDelegateShowsLoopsAsExceptionsInsideAlternatives(t *testing.T) {
	in := Interpreter{Table: mustTable(t, "/svc => /loop & /#/a; /loop => /loop"), Namers: testWorld()}
	node, err := in.Delegate(Path{"svc"})
	if err != nil {
		t.Fatal(err)
	}
	want := "union /svc\n" +
		"  exception /svc by /svc=>/loop & /#/a error Max recursion level reached.\n" +
		"  leaf /#/a by /svc=>/loop & /#/a id /#/a rest /\n"
	if diff := cmp.Diff(want, outline(node, "")); diff != "" {
		t.Error(diff)
	}
	if err := node.Children[0].Tree.Err; !errors.Is(err, ErrDepth) {
		t.Errorf("%v is not ErrDepth", err)
	}
	if _, err := in.Delegate(Path{"loop"}); !errors.Is(err, ErrDepth) {
		t.Errorf("a bare loop gives %v", err)
	}
}

func TestDelegateAsksForAllNamesThoughSomeArePending(t *testing.T) {
	asked := map[string]bool{}
	names := recorder{testWorld(), asked}
	in := Interpreter{Table: mustTable(t, "/svc => /#/pending | /#/a & /#/pending/2"), Namers: names}
	if _, err := in.Delegate(Path{"svc"}); !errors.Is(err, ErrPending) {
		t.Errorf("got %v", err)
	}
	want := map[string]bool{"/#/pending": true, "/#/a": true, "/#/pending/2": true}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

type recorder struct {
	world
	asked map[string]bool
}

func (r recorder) Lookup(p Path) (Tree[Name], error) {
	r.asked[p.String()] = true
	return r.world.Lookup(p)
}

func TestDelegateStaysWithinItsBudget(t *testing.T) {
	for _, table := range []string{"/a => /a & /a", "/a => /a/x | /a", strings.Repeat("/a => /a;", 1000)} {
		in := Interpreter{Table: mustTable(t, table)}
		if _, err := in.Delegate(Path{"a"}); !errors.Is(err, ErrSteps) {
			t.Errorf("%.40s: got %v", table, err)
		}
	}
}

func TestDelegationSaysWhichRule(t *testing.T) {
	table := mustTable(t, "/a => /x; /a => /y")
	node, err := Interpreter{Table: table}.Delegate(Path{"a"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range node.Children {
		if want := 1 - i; c.Tree.Rule != want || c.Tree.Dentry != &table.Dtab()[want] {
			t.Errorf("child %d was reached by rule %d", i, c.Tree.Rule)
		}
	}
}

func TestDelegateHandlesTreesThatNoTextHas(t *testing.T) {
	leaf := Tree[Name]{Kind: Leaf, Leaf: Name{Path: Path{"#", "a"}}}
	names := testWorld()
	for _, kind := range []Kind{Alt, Union} {
		names["/#/none"] = Tree[Name]{Kind: kind}
		names["/#/one"] = Tree[Name]{Kind: kind, Children: []Weighted[Name]{{2, leaf}}}
		in := Interpreter{Namers: names}
		for path, want := range map[string]string{
			"/#/none": "neg /#/none\n",
			"/#/one":  "delegate /#/one\n  leaf /#/a id /#/a rest /\n",
		} {
			node, err := in.Delegate(MustParsePath(path))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, outline(node, "")); diff != "" {
				t.Errorf("%v: %s", kind, diff)
			}
		}
	}
}
