// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package router_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/proxy/router"
)

func sticky(t testing.TB, tr tree) *router.Chooser {
	t.Helper()
	shares, err := router.Flatten(tr)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewSticky(shares)
}

// clients are n addresses: neighbours in IPv4, as those of a cluster's pods are.
func clients(n int) []netip.Addr {
	all := make([]netip.Addr, n)
	for i := range all {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(10<<24+i))
		all[i] = netip.AddrFrom4(b)
	}
	return all
}

// home is the name of the arm of each client; empty for nowhere.
func home(c *router.Chooser, clients []netip.Addr) []string {
	homes := make([]string, len(clients))
	for i, client := range clients {
		if arm := c.Next(client); arm != router.Nowhere {
			homes[i] = c.Arms()[arm].Arm
		}
	}
	return homes
}

// TestEachShareIsKeptOverClients: chi-square over fixed clients, at a level of one in
// ten thousand. The empty name has its share too.
func TestEachShareIsKeptOverClients(t *testing.T) {
	a, b, c, d := leaf("a"), leaf("b"), leaf("c"), leaf("d")
	const n = 100_000
	for _, tr := range []tree{
		union(1.0, a, 1.0, b),
		union(90.0, a, 10.0, b),
		union(99.0, a, 1.0, b),
		union(5.0, a, 3.0, b, 2.0, c, 0.0, d),
		union(1.0, a, 1.0, empty, 2.0, b),
		union(1.0, union(1.0, a, 3.0, b), 2.0, union(0.5, c, 0.25, d)),
		union(1.0, a, 1.0, union(1.0, a, 1.0, b)),
	} {
		shares, _ := router.Flatten(tr)
		counts := map[string]int{}
		for _, arm := range home(router.NewSticky(shares), clients(n)) {
			counts[arm]++
		}
		nowhere, _ := shares.Nowhere.Float64()
		chi, degrees := 0.0, -1
		add := func(arm string, share float64) {
			if share == 0 {
				if counts[arm] > 0 {
					t.Errorf("%s: %q has no share and got %d", text(shares), arm, counts[arm])
				}
				return
			}
			chi += math.Pow(float64(counts[arm])-n*share, 2) / (n * share)
			degrees++
		}
		for _, arm := range shares.Arms {
			share, _ := arm.Share.Float64()
			add(arm.Arm, share)
		}
		add("", nowhere)
		if limit := []float64{0, 15.14, 18.42, 21.11}[degrees]; chi > limit {
			t.Errorf("%s: chi-square is %.2f with %d degrees, more than %v: %v", text(shares), chi, degrees, limit, counts)
		}
	}
}

// TestClientsMoveOnlyTowardsAnArmThatGrew: and only away from one that shrank, with
// random weights and any number of arms, among them new ones and those that go to 0.
func TestClientsMoveOnlyTowardsAnArmThatGrew(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	all := clients(3000)
	moved := 0
	for trial := range 60 {
		weights := make([]float64, 1+rng.IntN(12))
		for i := range weights {
			weights[i] = float64(rng.IntN(20))
		}
		before := home(sticky(t, weighted(weights)), all)
		one := rng.IntN(len(weights))
		was := weights[one]
		weights[one] = float64(rng.IntN(40))
		after := home(sticky(t, weighted(weights)), all)
		arm := fmt.Sprint("arm", one)
		for i := range all {
			if before[i] == after[i] || before[i] == "" && was == 0 || after[i] == "" && weights[one] == 0 {
				continue // or all weights are 0
			}
			moved++
			if grew := weights[one] > was; grew && after[i] != arm || !grew && before[i] != arm {
				t.Fatalf("trial %d: %s went from weight %v to %v, and %s from %q to %q", trial, arm, was, weights[one], all[i], before[i], after[i])
			}
		}
	}
	if moved == 0 {
		t.Error("nobody moved at all")
	}
}

// weighted is a union of arms arm0, arm1, ...
func weighted(weights []float64) tree {
	t := tree{Kind: dtab.Union}
	for i, w := range weights {
		t.Children = append(t.Children, dtab.Weighted[router.Leaf]{Weight: w, Tree: leaf(fmt.Sprint("arm", i))})
	}
	return t
}

// TestNobodyMovesForTheOrderOfArms, nor for weights that say the same, nor for arms
// that have no weight.
func TestNobodyMovesForTheOrderOfArms(t *testing.T) {
	a, b, c := leaf("a"), leaf("b"), leaf("c")
	all := clients(5000)
	want := home(sticky(t, union(5.0, a, 3.0, b, 2.0, c)), all)
	for _, same := range []tree{
		union(2.0, c, 5.0, a, 3.0, b),
		union(50.0, a, 30.0, b, 20.0, c),
		union(1.0, union(5.0, a, 3.0, b), 0.25, c),
		union(5.0, a, 0.0, leaf("d"), 3.0, b, 2.0, c),
	} {
		if diff := cmp.Diff(want, home(sticky(t, same), all)); diff != "" {
			t.Errorf("clients moved (-before +after):\n%s", diff[:min(len(diff), 500)])
		}
	}
}

// TestTheArmOfAClientIsForEver: what one version of the proxy answers, all others must.
func TestTheArmOfAClientIsForEver(t *testing.T) {
	c := sticky(t, union(5.0, leaf("a"), 3.0, leaf("b"), 2.0, leaf("c")))
	if diff := cmp.Diff("bbaabccbabaaaaabbaabbaaabaaccbbaaabaabab", strings.Join(home(c, clients(40)), "")); diff != "" {
		t.Error(diff)
	}
}

// TestInsteadIsTheArmWithoutTheOnesTried: as if those were not in the tree.
func TestInsteadIsTheArmWithoutTheOnesTried(t *testing.T) {
	a, b, c := leaf("a"), leaf("b"), leaf("c")
	whole, rest := sticky(t, union(5.0, a, 3.0, b, 2.0, c)), sticky(t, union(3.0, b, 2.0, c))
	for _, client := range clients(1000) {
		first := whole.Next(client)
		second := whole.Instead(router.Set(0).With(first), client)
		third := whole.Instead(router.Set(0).With(first).With(second), client)
		if first == second || second == third || first == third || third == router.Nowhere {
			t.Fatalf("%s is sent to %d, %d and %d", client, first, second, third)
		}
		if got := whole.Instead(router.Set(0).With(first).With(second).With(third), client); got != router.Nowhere {
			t.Fatalf("with all tried, %s is sent to %d", client, got)
		}
		if first == 0 && whole.Arms()[second].Arm != rest.Arms()[rest.Next(client)].Arm {
			t.Fatalf("%s goes from a to %s", client, whole.Arms()[second].Arm)
		}
	}
	// An empty name is no arm to go to.
	if got := sticky(t, union(1.0, a, 9.0, empty)).Instead(router.Set(0).With(0), clients(1)[0]); got != router.Nowhere {
		t.Errorf("sent to %d", got)
	}
}

func TestASoleArmHasEveryClient(t *testing.T) {
	c := sticky(t, union(1.0, leaf("a"), 0.0, leaf("b")))
	for _, client := range clients(1000) {
		if c.Next(client) != 0 {
			t.Fatalf("%s is sent elsewhere", client)
		}
	}
	if !c.Has("a") || c.Has("b") || c.Has("c") {
		t.Error("a, and a alone, has a share")
	}
}

func TestStickyAllocatesNothing(t *testing.T) {
	c := sticky(t, union(5.0, leaf("a"), 3.0, leaf("b"), 2.0, leaf("c")))
	client := netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(1000, func() { c.Next(client); c.Instead(router.Set(0).With(1), client) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSticky(b *testing.B) {
	c := sticky(b, union(5.0, leaf("a"), 3.0, leaf("b"), 2.0, leaf("c")))
	client := netip.MustParseAddr("10.0.0.1")
	for b.Loop() {
		c.Next(client)
	}
}
