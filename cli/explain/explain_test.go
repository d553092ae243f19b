// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
)

// existing has the names of its keys, and cannot look up /#/broken.
type existing map[string]int // name -> ready endpoints

func (e existing) Lookup(p dtab.Path) (dtab.Tree[dtab.Name], error) {
	if p.HasPrefix(dtab.Path{"#", "broken"}) {
		return dtab.Tree[dtab.Name]{}, errors.New("broken")
	}
	if _, ok := e[p.String()]; !ok {
		return dtab.Tree[dtab.Name]{}, nil
	}
	return dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Bound: &dtab.Bound{ID: p}}}, nil
}

func (e existing) Fact(p dtab.Path) Fact {
	n, ok := e[p.String()]
	switch {
	case ok:
		return Fact{Text: fmt.Sprintf("%d ready", n), Ready: &n}
	case p[0] == "$":
		return Fact{Text: "an address"}
	}
	return Fact{Text: "missing"}
}

func account(t *testing.T, table, name string, world World) Account {
	t.Helper()
	d, err := dtab.Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	places := make([]string, len(d))
	for i := range places {
		places[i] = fmt.Sprintf("rule %d", i+1)
	}
	return Explain(Question{Name: dtab.MustParsePath(name), Table: "the table", Dtab: d, Places: places, World: world})
}

const redis = `
	/cluster   => /#/fs;
	/svc       => /cluster;
	/svc/redis => `

func TestText(t *testing.T) {
	world := existing{"/#/fs/redis1": 3, "/#/fs/redis2": 1}
	tests := []struct {
		reason, table, name string
		want                string
	}{
		{"the last rule that matches is tried first", redis + "/cluster/redis1", "/svc/redis", `
/svc/redis by the table

  /svc/redis
    rule 3  /svc/redis => /cluster/redis1
      /cluster/redis1
        rule 1  /cluster => /#/fs
          /#/fs/redis1   3 ready
    rule 2  /svc => /cluster   (not tried)

SHARE   WEIGHT   DESTINATION    STATE
100%    1        /#/fs/redis1   3 ready
`},
		{"a canary", redis + "99 * /cluster/redis1 & 1 * /cluster/redis2", "/svc/redis", `
/svc/redis by the table

  /svc/redis
    rule 3  /svc/redis => 99*/cluster/redis1 & /cluster/redis2
      99 * /cluster/redis1   99%
        rule 1  /cluster => /#/fs
          /#/fs/redis1   3 ready
      1 * /cluster/redis2   1%
        rule 1  /cluster => /#/fs
          /#/fs/redis2   1 ready
    rule 2  /svc => /cluster   (not tried)

SHARE   WEIGHT   DESTINATION    STATE
99%     99       /#/fs/redis1   3 ready
1%      1        /#/fs/redis2   1 ready
`},
		{"a fallback, by alternatives and by rules", redis + "/cluster/redis3 | /cluster/redis4", "/svc/redis", `
/svc/redis by the table

  /svc/redis
    rule 3  /svc/redis => /cluster/redis3 | /cluster/redis4
      /cluster/redis3
        rule 1  /cluster => /#/fs
          /#/fs/redis3   missing   (so the next is tried)
      /cluster/redis4
        rule 1  /cluster => /#/fs
          /#/fs/redis4   missing   (so the next is tried)
    rule 2  /svc => /cluster
      /cluster/redis
        rule 1  /cluster => /#/fs
          /#/fs/redis   missing

SHARE   WEIGHT   DESTINATION   STATE
100%    1        -             no such name, so connections are refused
`},
		{"weights are multiplied along the way", `
			/svc => 3 * /a & 1 * (2 * /b & 6 * /c | /d);
			/b => /#/fs/redis1; /a => /#/fs/redis1; /c => /#/fs/redis2`, "/svc", `
/svc by the table

  /svc
    rule 1  /svc => 3*/a & (2*/b & 6*/c | /d)
      3 * /a   75%
        rule 3  /a => /#/fs/redis1
          /#/fs/redis1   3 ready
      1 * the first of   25%
        by weight
          2 * /b   6.25%
            rule 2  /b => /#/fs/redis1
              /#/fs/redis1   3 ready
          6 * /c   18.75%
            rule 4  /c => /#/fs/redis2
              /#/fs/redis2   1 ready
        /d   no rule matches   (not tried)

SHARE    WEIGHT   DESTINATION    STATE
81.25%   5        /#/fs/redis1   3 ready
18.75%   6        /#/fs/redis2   1 ready
`},
		{"branches that count for nothing", "/svc => 1 * /#/fs/redis1 & 2 * ! & 3 * /#/fs/redis9 & 4 * /#/broken & 5 * $ & 0 * /#/fs/redis2", "/svc", `
/svc by the table

  /svc
    rule 1  /svc => /#/fs/redis1 & 2*! & 3*/#/fs/redis9 & 4*/#/broken & 5*$ & 0*/#/fs/redis2
      1 * /#/fs/redis1   16.7%   3 ready
      2 * !   fails   (left out: the others get its share)
      3 * /#/fs/redis9   missing   (left out: the others get its share)
      4 * /#/broken   cannot be looked up: /#/broken: broken   (left out: the others get its share)
      5 * $   83.3%   nobody is there
      0 * /#/fs/redis2   0%   1 ready

SHARE   WEIGHT   DESTINATION    STATE
16.7%   1        /#/fs/redis1   3 ready
83.3%   5        -              nobody is there ($), so connections are refused
0%      0        /#/fs/redis2   1 ready

Left out: cannot be looked up: /#/broken: broken
`},
		{"weights that are all zero", "/svc => 0 * /#/fs/redis1 & 0 * /#/fs/redis2", "/svc", `
/svc by the table

  /svc
    rule 1  /svc => 0*/#/fs/redis1 & 0*/#/fs/redis2
      0 * /#/fs/redis1   0%   3 ready
      0 * /#/fs/redis2   0%   1 ready

SHARE   WEIGHT   DESTINATION    STATE
100%    0        -              all weights are zero, so connections are refused
0%      0        /#/fs/redis1   3 ready
0%      0        /#/fs/redis2   1 ready
`},
		{"a circle", "/a => /b; /b => /a", "/a", `
/a by the table

  The rules lead too far to be shown step by step.

SHARE   WEIGHT   DESTINATION   STATE
100%    1        -             the rules go round in a circle: /a -> /b -> /a
`},
		{"ends that a rule names", "/a => ~ | !; /b => ~", "/a", `
/a by the table

  /a
    rule 1  /a => ~ | !
      ~   nothing, as the rule says   (so the next is tried)
      !   fails

SHARE   WEIGHT   DESTINATION   STATE
100%    1        -             fails (!), so connections are refused
`},
		{"a concrete name needs no rule", "/a => /b", "/#/fs/redis1", `
/#/fs/redis1 by the table

  /#/fs/redis1   3 ready

SHARE   WEIGHT   DESTINATION    STATE
100%    1        /#/fs/redis1   3 ready
`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			var got bytes.Buffer
			account(t, test.table, test.name, world).Text(&got, false)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), got.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDot(t *testing.T) {
	var got bytes.Buffer
	account(t, redis+"9 * /cluster/redis1 & 1 * /cluster/redis2", "/svc/redis", existing{"/#/fs/redis1": 3}).Dot(&got)
	for _, want := range []string{
		"digraph {",
		`[shape=box, label="/#/fs/redis1\n3 ready"]`,
		`[style=solid, label="9 * (100%)"]`,
		`[style=dashed, label="1 * (0%)"]`,
		`[style=dashed, label="rule 2\n/svc => /cluster"]`,
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %s in\n%s", want, got.String())
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	want := account(t, redis+"9 * /cluster/redis1 & 1 * /cluster/redis2", "/svc/redis", existing{"/#/fs/redis1": 3, "/#/fs/redis2": 0})
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Account
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".end" }, cmp.Ignore())); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	world := existing{"/#/fs/redis1": 3, "/#/fs/redis2": 1}
	tests := []struct {
		reason, before, after string
		want                  Change
	}{
		{"the same by other words", "/cluster/redis1", "2 * /#/fs/redis1 & 2 * /#/fs/redis1", Change{Rows: []Row{{"/#/fs/redis1", 1, 1}}}},
		{"a tenth moves", "/cluster/redis1", "9 * /cluster/redis1 & 1 * /cluster/redis2", Change{Moves: 0.1, Rows: []Row{
			{"/#/fs/redis1", 1, 0.9}, {"/#/fs/redis2", 0, 0.1},
		}}},
		{"all is refused", "/cluster/redis1", "!", Change{Moves: 1, Rows: []Row{
			{"/#/fs/redis1", 1, 0}, {"fails (!), so connections are refused", 0, 1},
		}}},
	}
	for _, test := range tests {
		got := Compare(account(t, redis+test.before, "/svc/redis", world), account(t, redis+test.after, "/svc/redis", world))
		test.want.Name = "/svc/redis"
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
		if diff := cmp.Diff(test.want, got, near); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// The steps, which are made of a delegation, lead to the destinations, which are
// made by binding.
func TestStepsLeadToTheDestinations(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	leaf := func() string {
		return pick("/a", "/b/x", "/c", "/#/fs/redis1", "/#/fs/redis2", "/#/fs/gone", "/#/broken", "/$/inet/127.1/80", "!", "~", "$")
	}
	world := existing{"/#/fs/redis1": 3, "/#/fs/redis2": 1}
	compared := 0
	for range 400 {
		var rules []string
		for range 1 + r.IntN(5) {
			a, b, c := leaf(), leaf(), leaf()
			rules = append(rules, pick("/svc", "/a", "/b", "/b/x", "/c", "/*")+" => "+
				pick(a, a+" | "+b, "2 * "+a+" & 1 * "+b, "("+a+" & 3 * "+b+") | "+c, "4 * ("+a+" | "+b+") & 0 * "+c))
		}
		table := strings.Join(rules, ";")
		got := account(t, table, "/svc", world)
		if got.Steps == nil || !uniform(got) {
			continue
		}
		compared++
		want := map[string]float64{}
		for _, d := range got.Destinations {
			if d.Name != "" && d.Share > 0 {
				want[d.Name] += d.Share
			}
		}
		sum := map[string]float64{}
		leaves(got.Steps, sum)
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
		if diff := cmp.Diff(want, sum, near); diff != "" {
			var text bytes.Buffer
			got.Text(&text, true)
			t.Fatalf("%s\n%s(-destinations +steps):\n%s", table, text.String(), diff)
		}
	}
	if compared < 100 {
		t.Errorf("only %d tables were compared", compared)
	}
}

// uniform tells whether binding came to an end, where a delegation shows errors
// as parts of it.
func uniform(a Account) bool {
	for _, d := range a.Destinations {
		if strings.HasPrefix(d.State, "cannot") || strings.HasPrefix(d.State, "the rules") {
			return false
		}
	}
	return true
}

func leaves(s *Step, sum map[string]float64) {
	if len(s.Next) == 0 && s.end == dtab.NodeLeaf && s.Share > 0 {
		sum[s.Bound] += s.Share
	}
	for _, c := range s.Next {
		leaves(c, sum)
	}
}
