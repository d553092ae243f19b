// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package router_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/proxy/router"
)

func chooser(t testing.TB, tr tree) *router.Chooser {
	t.Helper()
	shares, err := router.Flatten(tr)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewChooser(shares)
}

func deal(c *router.Chooser, n int) string {
	var b strings.Builder
	for range n {
		if i := c.Next(netip.Addr{}); i == router.Nowhere {
			b.WriteString("-")
		} else {
			b.WriteString(c.Arms()[i].Arm)
		}
	}
	return b.String()
}

func TestChoiceIsDeterministicAndSpread(t *testing.T) {
	a, b, c := leaf("a"), leaf("b"), leaf("c")
	for _, test := range []struct {
		tree tree
		want string
	}{
		{a, "aaaa"},
		{union(1.0, a, 1.0, b), "abababab"},
		{union(3.0, a, 1.0, b), "aabaaaba"},
		{union(5.0, a, 3.0, b, 2.0, c), "abacabacba" + "abacabacba"},
		{union(1.0, a, 1.0, empty), "a-a-"},
		{union(0.0, a, 1.0, b), "bbbb"},
		{union(0.0, a, 0.0, b), "----"},
		{fail, "----"},
	} {
		if diff := cmp.Diff(test.want, deal(chooser(t, test.tree), len(test.want))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestEveryPrefixIsWithinOneConnectionOfItsShare holds decision 8 against random
// weights: whole numbers, decimals, a million to one, zeros, and nested unions.
func TestEveryPrefixIsWithinOneConnectionOfItsShare(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 30 {
		shares, err := router.Flatten(randomTree(rng, 1+rng.IntN(router.MaxArms), 2))
		if err != nil {
			t.Fatal(err)
		}
		account := newAccount(shares)
		c := router.NewChooser(shares)
		bound := account.bound()
		for n := 1; n <= 1500; n++ {
			account.add(c.Next(netip.Addr{}))
			if least, most := account.lags(); least < -bound || most > bound {
				t.Fatalf("trial %d: lags are from %v to %v, want within %v, after %d connections of %s", trial, least, most, bound, n, text(shares))
			}
		}
	}
}

func TestAMillionToOneIsExactOverItsPeriod(t *testing.T) {
	c := chooser(t, union(1.0, leaf("rare"), 1e6, leaf("common")))
	counts := [2]int{}
	for range 1_000_001 {
		counts[c.Next(netip.Addr{})]++
	}
	if diff := cmp.Diff([2]int{1, 1_000_000}, counts); diff != "" {
		t.Error(diff)
	}
}

// TestLagsStayBoundedThroughChanges changes weights at random moments, arms
// coming and going, and holds the lag that is carried against the documented bound.
func TestLagsStayBoundedThroughChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for trial := range 6 {
		var c *router.Chooser
		var account *account
		for change := range 30 {
			shares, err := router.Flatten(randomTree(rng, 1+rng.IntN(router.MaxArms), 1))
			if err != nil {
				t.Fatal(err)
			}
			next, nextAccount := router.NewChooser(shares), newAccount(shares)
			next.Adopt(c)
			nextAccount.adopt(account)
			c, account = next, nextAccount
			bound := 1 + harmonic(len(shares.Arms))
			for range rng.IntN(200) {
				account.add(c.Next(netip.Addr{}))
				if least, most := account.lags(); least <= -1-1e-6 || most >= bound {
					t.Fatalf("trial %d, change %d: lags from %v to %v, want -1 to %v", trial, change, least, most, bound)
				}
			}
		}
	}
}

// TestLagsComeBackWithinOneAfterAChange: when shares rest, lags are back in bounds
// after 1/share connections of the smallest share.
func TestLagsComeBackWithinOneAfterAChange(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for trial := range 20 {
		arms := 2 + rng.IntN(router.MaxArms-1)
		before, after := tree{Kind: dtab.Union}, tree{Kind: dtab.Union}
		smallest, sum := math.Inf(1), 0.0
		for i := range arms {
			w := float64(1 + rng.IntN(50))
			smallest, sum = min(smallest, w), sum+w
			before.Children = append(before.Children, dtab.Weighted[router.Leaf]{Weight: float64(1 + rng.IntN(50)), Tree: leaf(fmt.Sprint(i))})
			after.Children = append(after.Children, dtab.Weighted[router.Leaf]{Weight: w, Tree: leaf(fmt.Sprint(i))})
		}
		old, c := chooser(t, before), chooser(t, after)
		shares, _ := router.Flatten(before)
		oldAccount := newAccount(shares)
		for range rng.IntN(1000) {
			oldAccount.add(old.Next(netip.Addr{}))
		}
		c.Adopt(old)
		shares, _ = router.Flatten(after)
		account := newAccount(shares)
		account.adopt(oldAccount)
		for n := range int(sum/smallest) + 1000 {
			account.add(c.Next(netip.Addr{}))
			if least, most := account.lags(); n > int(sum/smallest) && (least <= -1-1e-6 || most >= 1+1e-6) {
				t.Fatalf("trial %d: lags from %v to %v, %d connections after the change", trial, least, most, n)
			}
		}
	}
}

func TestAChangeKeepsWhatAnArmIsOwed(t *testing.T) {
	old := chooser(t, union(1.0, leaf("a"), 1.0, leaf("b")))
	if got := deal(old, 1); got != "a" {
		t.Fatalf("first choice is %s", got)
	}
	c := chooser(t, union(1.0, leaf("c"), 1.0, leaf("b"), 1.0, leaf("a")))
	c.Adopt(old) // b is owed half a connection, a has had half of one too many
	if diff := cmp.Diff("bc", deal(c, 2)); diff != "" {
		t.Error(diff)
	}
}

func TestZeroWeightGetsNothingThroughChanges(t *testing.T) {
	var c *router.Chooser
	for i := range 100 {
		next := chooser(t, union(float64(i%3), leaf("a"), 0.0, leaf("never"), float64((i+1)%3), leaf("b")))
		next.Adopt(c)
		c = next
		if got := deal(c, 7); strings.Contains(got, "never") || i%3 == 0 && strings.Contains(got, "a") {
			t.Fatalf("round %d dealt %s", i, got)
		}
		if got := c.Instead(router.Set(0).With(0).With(2), netip.Addr{}); got != router.Nowhere {
			t.Fatalf("redistributed to %d, which has no share", got)
		}
	}
}

func TestAllLoopsShareOneAccount(t *testing.T) {
	c := chooser(t, union(5.0, leaf("a"), 3.0, leaf("b"), 2.0, leaf("c")))
	var mu sync.Mutex
	counts := make([]int, 3)
	var loops sync.WaitGroup
	for range 8 {
		loops.Go(func() {
			mine := make([]int, 3)
			for range 1000 {
				mine[c.Next(netip.Addr{})]++
			}
			mu.Lock()
			defer mu.Unlock()
			for i, n := range mine {
				counts[i] += n
			}
		})
	}
	loops.Wait()
	if diff := cmp.Diff([]int{4000, 2400, 1600}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestRedistributionFollowsTheSharesOfTheArmsLeft(t *testing.T) {
	c := chooser(t, union(50.0, leaf("dead"), 30.0, leaf("b"), 20.0, leaf("c"), 900.0, empty))
	counts := make([]int, 3)
	for range 1000 {
		counts[c.Instead(router.Set(0).With(0), netip.Addr{})]++
	}
	if diff := cmp.Diff([]int{0, 600, 400}, counts); diff != "" {
		t.Error(diff)
	}
	if got := c.Instead(router.Set(0).With(0).With(1).With(2), netip.Addr{}); got != router.Nowhere {
		t.Errorf("with every arm tried, got arm %d", got)
	}
}

func TestRedistributionLeavesTheSharesOfNextAlone(t *testing.T) {
	c, undisturbed := chooser(t, union(5.0, leaf("a"), 3.0, leaf("b"), 2.0, leaf("c"))), chooser(t, union(5.0, leaf("a"), 3.0, leaf("b"), 2.0, leaf("c")))
	for range 100 {
		if got, want := c.Next(netip.Addr{}), undisturbed.Next(netip.Addr{}); got != want {
			t.Fatalf("chose %d, want %d", got, want)
		}
		c.Instead(router.Set(0).With(0), netip.Addr{})
	}
}

func TestChoosingAllocatesNothing(t *testing.T) {
	c := chooser(t, randomTree(rand.New(rand.NewPCG(7, 8)), router.MaxArms, 1))
	if n := testing.AllocsPerRun(1000, func() { c.Next(netip.Addr{}); c.Instead(router.Set(0).With(3), netip.Addr{}) }); n != 0 {
		t.Errorf("%v allocations per choice", n)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, arms := range []int{1, 2, 3, 8, 64} {
		b.Run(fmt.Sprintf("arms=%d", arms), func(b *testing.B) {
			tr := tree{Kind: dtab.Union}
			for i := range arms {
				tr.Children = append(tr.Children, dtab.Weighted[router.Leaf]{Weight: float64(i + 1), Tree: leaf(fmt.Sprint(i))})
			}
			c := chooser(b, tr)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.Next(netip.Addr{})
				}
			})
		})
	}
}

// randomTree is a union over arms 0 to arms-1 with weights of every sort, nested
// up to depth times.
func randomTree(rng *rand.Rand, arms, depth int) tree {
	weights := []func() float64{
		func() float64 { return float64(1 + rng.IntN(100)) },
		func() float64 { return rng.Float64() * 100 },
		func() float64 { return 33.333 },
		func() float64 { return 1e6 },
		func() float64 { return 1 },
		func() float64 { return 0 },
	}
	weight := weights[rng.IntN(len(weights))]
	mixed := rng.IntN(2) == 0
	t := tree{Kind: dtab.Union}
	for i := range arms {
		if mixed {
			weight = weights[rng.IntN(len(weights))]
		}
		child := leaf(fmt.Sprint(i))
		switch {
		case depth > 0 && rng.IntN(8) == 0:
			child = randomTree(rng, 1+rng.IntN(arms), depth-1)
		case rng.IntN(50) == 0:
			child = []tree{neg, fail, empty}[rng.IntN(3)]
		}
		t.Children = append(t.Children, dtab.Weighted[router.Leaf]{Weight: weight(), Tree: child})
	}
	return t
}

// account counts independently of the Chooser, in floating point, what each arm
// and Nowhere (the last) should have had and has had.
type account struct {
	names  []string
	shares []float64
	lag    []float64
}

func newAccount(s router.Shares) *account {
	a := &account{}
	add := func(name string, share *big.Rat) {
		f, _ := share.Float64()
		a.names = append(a.names, name)
		a.shares = append(a.shares, f)
		a.lag = append(a.lag, 0)
	}
	for _, arm := range s.Arms {
		add(arm.Leaf.Arm, arm.Share)
	}
	add("", s.Nowhere)
	return a
}

func (a *account) add(choice int) {
	for i, share := range a.shares {
		a.lag[i] += share
	}
	if choice == router.Nowhere {
		choice = len(a.lag) - 1
	}
	a.lag[choice]--
}

func (a *account) lags() (least, most float64) { return slices.Min(a.lag), slices.Max(a.lag) }

// bound is Tijdeman's, and some room for floating point.
func (a *account) bound() float64 {
	k := 0.0
	for _, share := range a.shares {
		if share > 0 {
			k++
		}
	}
	return 1 - 1/max(2*k-2, 2) + 1e-9
}

// adopt does in floating point what Chooser.Adopt documents.
func (a *account) adopt(old *account) {
	if old == nil {
		return
	}
	var owed, ahead float64
	for i, name := range a.names {
		if j := slices.Index(old.names, name); j >= 0 && a.shares[i] > 0 {
			a.lag[i] = old.lag[j]
			owed += max(a.lag[i], 0)
			ahead += max(-a.lag[i], 0)
		}
	}
	for i, lag := range a.lag {
		if lag > 0 {
			a.lag[i] = lag * min(owed, ahead) / owed
		} else if lag < 0 {
			a.lag[i] = lag * min(owed, ahead) / ahead
		}
	}
}

func harmonic(n int) (h float64) {
	for i := 1; i <= n; i++ {
		h += 1 / float64(i)
	}
	return h
}
