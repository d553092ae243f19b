// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/plan"
)

// shifting is a config of one route over pools a and b.
func shifting(route *pushv1.Route) *pushv1.Config {
	route.Name, route.Listener = "ns/r", "tcp/1"
	return &pushv1.Config{
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: 1}},
		Routes:    []*pushv1.Route{route},
		Pools:     []*pushv1.Pool{{Name: "a"}, {Name: "b"}},
	}
}

// arms are a, which weighs 1, and b.
func arms(weightB float64) *pushv1.Tree {
	leaf := func(name string) *pushv1.Tree {
		return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: name, Pool: name}}}
	}
	return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: &pushv1.Union{Trees: []*pushv1.Weighted{
		{Weight: 1, Tree: leaf("a")}, {Weight: weightB, Tree: leaf("b")},
	}}}}
}

func TestAStickyRouteKeepsAClientToItsArm(t *testing.T) {
	p, refused := plan.Build(shifting(&pushv1.Route{Tree: arms(1), Splitting: pushv1.Splitting_SPLITTING_STICKY}), nil)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	seen := map[int]bool{}
	for last := range byte(50) {
		client := netip.AddrFrom4([4]byte{10, 0, 0, last})
		arm := p.Routes["ns/r"].Chooser.Next(client)
		seen[arm] = true
		for range 5 {
			if again := p.Routes["ns/r"].Chooser.Next(client); again != arm {
				t.Fatalf("%s is sent to %d and to %d", client, arm, again)
			}
		}
	}
	if !seen[0] || !seen[1] {
		t.Errorf("all clients have the same arm: %v", seen)
	}
}

func TestStaleIsAnArmWithoutAShareOfARouteThatMigrates(t *testing.T) {
	for _, test := range []struct {
		reason    string
		migration *pushv1.Migration
		arm       string
		want      bool
	}{
		{"an arm with a share is not", &pushv1.Migration{PerSecond: 1}, "a", false},
		{"an arm of weight 0 is", &pushv1.Migration{PerSecond: 1}, "b", true},
		{"an arm that the route does not have is", &pushv1.Migration{PerSecond: 1}, "c", true},
		{"no arm is none", &pushv1.Migration{PerSecond: 1}, "", false},
		{"without a migration nothing is", nil, "b", false},
	} {
		p, refused := plan.Build(shifting(&pushv1.Route{Tree: arms(0), Migration: test.migration}), nil)
		if len(refused) > 0 {
			t.Fatal(refused)
		}
		if got := p.Stale("ns/r", test.arm); got != test.want || p.Stale("ns/other", test.arm) {
			t.Errorf("%s: got %v", test.reason, got)
		}
	}
}

// TestAnotherPartOfAMigrationIsTheSameForm: its hash is that of the fleet's whole
// rate, and the chooser goes on.
func TestAnotherPartOfAMigrationIsTheSameForm(t *testing.T) {
	form := func(m *pushv1.Migration) *pushv1.Config {
		return shifting(&pushv1.Route{Hash: "h", Tree: arms(1), Migration: m})
	}
	of := func(rate float64) *pushv1.Migration {
		return &pushv1.Migration{PerSecond: rate, IdleFirst: true, Deadline: durationpb.New(time.Minute)}
	}
	old, _ := plan.Build(form(of(10)), nil)
	now, _ := plan.Build(form(of(2.5)), old)
	want := &plan.Migration{PerSecond: 2.5, IdleFirst: true, Deadline: time.Minute}
	if diff := cmp.Diff(want, now.Routes["ns/r"].Migration); diff != "" {
		t.Error(diff)
	}
	if now.Routes["ns/r"].Chooser != old.Routes["ns/r"].Chooser || old.Routes["ns/r"].Migration.PerSecond != 10 {
		t.Error("the form has changed, or the old plan")
	}
	if same, _ := plan.Build(form(of(2.5)), now); same.Routes["ns/r"] != now.Routes["ns/r"] {
		t.Error("the route is another though nothing has changed")
	}
}

func TestRoutesThatShiftInAnUnknownWayAreRefused(t *testing.T) {
	for _, r := range []*pushv1.Route{
		{Splitting: 77},
		{Migration: &pushv1.Migration{PerSecond: -1}},
		{Migration: &pushv1.Migration{PerSecond: math.NaN()}},
		{Migration: &pushv1.Migration{PerSecond: math.Inf(1)}},
		{Migration: &pushv1.Migration{Deadline: durationpb.New(-time.Second)}},
	} {
		r.Tree = arms(1)
		if _, refused := plan.Build(shifting(r), nil); len(refused) != 1 {
			t.Errorf("%v is not refused", r)
		}
	}
}
