// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package router_test

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/proxy/router"
)

type tree = dtab.Tree[router.Leaf]

var (
	neg   = tree{Kind: dtab.Neg}
	fail  = tree{Kind: dtab.Fail}
	empty = tree{Kind: dtab.Empty}
)

func leaf(arm string) tree {
	return tree{Kind: dtab.Leaf, Leaf: router.Leaf{Arm: arm, Pool: "/#/" + arm}}
}

func alt(trees ...tree) tree {
	t := tree{Kind: dtab.Alt}
	for _, c := range trees {
		t.Children = append(t.Children, dtab.Weighted[router.Leaf]{Tree: c})
	}
	return t
}

// union takes weights and trees in turn.
func union(pairs ...any) tree {
	t := tree{Kind: dtab.Union}
	for i := 0; i < len(pairs); i += 2 {
		t.Children = append(t.Children, dtab.Weighted[router.Leaf]{Weight: pairs[i].(float64), Tree: pairs[i+1].(tree)})
	}
	return t
}

func TestFlattenGivesEachArmItsExactShare(t *testing.T) {
	a, b, c := leaf("a"), leaf("b"), leaf("c")
	for _, test := range []struct {
		reason string
		tree   tree
		want   string
	}{
		{"a leaf has everything", a, "a=1 nowhere=0"},
		{"weights divide", union(9.0, a, 1.0, b), "a=9/10 b=1/10 nowhere=0"},
		{"weights are decimal numbers", union(33.333, a, 66.667, b), "a=33333/100000 b=66667/100000 nowhere=0"},
		{"tenths are exact", union(0.1, a, 0.2, b), "a=1/3 b=2/3 nowhere=0"},
		{"a million to one", union(1.0, a, 1e6, b), "a=1/1000001 b=1000000/1000001 nowhere=0"},
		{"unions nest", union(1.0, union(1.0, a, 2.0, b), 1.0, c), "a=1/6 b=1/3 c=1/2 nowhere=0"},
		{"an arm that occurs twice has the sum", union(1.0, a, 1.0, union(1.0, a, 1.0, b)), "a=3/4 b=1/4 nowhere=0"},
		{"weight 0 gets nothing", union(0.0, a, 5.0, b), "a=0 b=1 nowhere=0"},
		{"weights that are all 0 refuse", union(0.0, a, 0.0, b), "a=0 b=0 nowhere=1"},
		{"the share of a union of zeros is refused", union(1.0, union(0.0, a, 0.0, b), 1.0, c), "a=0 b=0 c=1/2 nowhere=1/2"},
		{"empty keeps its share and refuses it", union(1.0, a, 3.0, empty), "a=1/4 nowhere=3/4"},
		{"neg and fail are dropped from a union", union(1.0, a, 1.0, neg, 2.0, fail, 1.0, b), "a=1/2 b=1/2 nowhere=0"},
		{"a union of what is dropped is neg", union(1.0, a, 1.0, union(1.0, fail, 1.0, neg)), "a=1 nowhere=0"},
		{"neg refuses", neg, "nowhere=1"},
		{"fail refuses", fail, "nowhere=1"},
		{"empty refuses", empty, "nowhere=1"},
		{"a union of nothing refuses", union(), "nowhere=1"},
		{"an alt passes neg on", alt(neg, union(1.0, fail), a, b), "a=1 nowhere=0"},
		{"an alt stops at fail", alt(neg, fail, a), "nowhere=1"},
		{"an alt stops at empty", alt(empty, a), "nowhere=1"},
		{"an alt in a union that is neg is dropped", union(1.0, alt(neg, neg), 1.0, a), "a=1 nowhere=0"},
		{"an alt in a union that is fail is dropped", union(1.0, alt(neg, fail), 1.0, a), "a=1 nowhere=0"},
	} {
		shares, err := router.Flatten(test.tree)
		if err != nil {
			t.Errorf("%s: %v", test.reason, err)
			continue
		}
		if diff := cmp.Diff(test.want, text(shares)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestFlattenRefusesWhatContradictsItself(t *testing.T) {
	many := tree{Kind: dtab.Union}
	for i := range router.MaxArms + 1 {
		many.Children = append(many.Children, dtab.Weighted[router.Leaf]{Weight: 1, Tree: leaf(fmt.Sprint(i))})
	}
	other := leaf("a")
	other.Leaf.Pool = "/#/other"
	for _, test := range []struct {
		tree tree
		want string
	}{
		{union(-1.0, leaf("a")), "weight -1"},
		{union(math.NaN(), leaf("a")), "weight NaN"},
		{union(math.Inf(1), leaf("a")), "weight +Inf"},
		{union(1.0, leaf("a"), 1.0, other), `arm "a" goes to two pools, "/#/a" and "/#/other"`},
		{leaf(""), "has no name"},
		{many, "more than 64 arms"},
	} {
		_, err := router.Flatten(test.tree)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want one with %q", err, test.want)
		}
	}
}

func TestFlattenIsQuickOnHostileWeights(t *testing.T) {
	deep := leaf("deep")
	for i := range 100 {
		deep = union(1e-300, deep, 1.7976931348623157e308, leaf(fmt.Sprint(i%8)))
	}
	shares, err := router.Flatten(deep)
	if err != nil {
		t.Fatal(err)
	}
	for _, arm := range shares.Arms {
		if arm.Share.Sign() <= 0 {
			t.Errorf("arm %s with a positive weight has the share %s", arm.Leaf.Arm, arm.Share)
		}
	}
	c := router.NewChooser(shares)
	for range 1000 {
		c.Next(netip.Addr{})
	}
}

func text(s router.Shares) string {
	var b strings.Builder
	for _, a := range s.Arms {
		fmt.Fprintf(&b, "%s=%s ", a.Leaf.Arm, a.Share.RatString())
	}
	fmt.Fprintf(&b, "nowhere=%s", s.Nowhere.RatString())
	return b.String()
}
