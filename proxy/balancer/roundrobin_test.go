// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"math"
	"net/netip"
	"sync"
	"testing"

	"github.com/wye-dev/wye/proxy/balancer"
)

// rounds counts who gets n connections.
func rounds(t *testing.T, p *balancer.Pool, n int) map[netip.AddrPort]int {
	t.Helper()
	counts := map[netip.AddrPort]int{}
	for range n {
		counts[pick(t, p, balancer.Ask{}).Addr()]++
	}
	return counts
}

func TestRoundRobinIsExactOverACycle(t *testing.T) {
	for _, test := range []struct {
		weights []float64
		cycle   int
	}{
		{[]float64{1, 1, 1}, 3},
		{[]float64{2, 2}, 2},
		{[]float64{5, 1, 1}, 7},
		{[]float64{0.5, 0.25, 0.25}, 4},
		{[]float64{0.1, 0.2, 0.3}, 6},
		{[]float64{1e308, 1e308, 1e307}, 21},
		{[]float64{1.5, 1}, 5},
		{[]float64{1000, 999}, 1999},
	} {
		p := pool(balancer.RoundRobin, test.weights...)
		sum := 0.0
		for _, w := range test.weights {
			sum += w / test.weights[0]
		}
		for range 3 { // wherever it begins
			counts := rounds(t, p, test.cycle)
			for i, w := range test.weights {
				if want := w / test.weights[0] / sum * float64(test.cycle); math.Abs(float64(counts[addr(i+1)])-want) > 1e-6 {
					t.Errorf("weights %v: endpoint %d had %d of %d turns, want %v", test.weights, i, counts[addr(i+1)], test.cycle, want)
				}
			}
		}
	}
}

func TestRoundRobinComesNearWeightsThatHaveNoShortCycle(t *testing.T) {
	weights := []float64{math.Pi, math.E, 1e-9}
	counts := rounds(t, pool(balancer.RoundRobin, weights...), 4096)
	for i, w := range weights {
		if want := w / (math.Pi + math.E) * 4096; math.Abs(float64(counts[addr(i+1)])-want) > 2 {
			t.Errorf("endpoint %d had %d of 4096 turns, want %v", i, counts[addr(i+1)], want)
		}
	}
	if counts[addr(3)] == 0 {
		t.Error("the lightest endpoint never had a turn")
	}
}

// Turns of an endpoint do not follow each other when others are due.
func TestRoundRobinIsSmooth(t *testing.T) {
	weights := []float64{5, 3, 2}
	p := pool(balancer.RoundRobin, weights...)
	counts := map[netip.AddrPort]float64{}
	pick(t, p, balancer.Ask{})
	for n := 1.0; n <= 100; n++ {
		counts[pick(t, p, balancer.Ask{}).Addr()]++
		for i, w := range weights {
			if off := counts[addr(i+1)] - n*w/10; math.Abs(off) > 2 {
				t.Fatalf("endpoint %d is off by %v after %v connections", i, off, n)
			}
		}
	}
}

func TestRoundRobinIsSharedByAllThreads(t *testing.T) {
	p := pool(balancer.RoundRobin, 1, 2, 3)
	var mu sync.Mutex
	counts := map[netip.AddrPort]int{}
	var threads sync.WaitGroup
	for range 6 {
		threads.Go(func() {
			mine := rounds(t, p, 100)
			mu.Lock()
			defer mu.Unlock()
			for to, n := range mine {
				counts[to] += n
			}
		})
	}
	threads.Wait()
	for i, want := range []int{100, 200, 300} {
		if counts[addr(i+1)] != want {
			t.Errorf("endpoint %d had %d turns, want %d", i, counts[addr(i+1)], want)
		}
	}
}

func TestRoundRobinGoesOnWhenThePoolChanges(t *testing.T) {
	p := pool(balancer.RoundRobin, 1, 1, 1)
	counts := map[netip.AddrPort]int{}
	for range 30 { // each time the same targets, as after a change of another kind
		counts[pick(t, p, balancer.Ask{}).Addr()]++
		p = balancer.NewPool(balancer.Form{Name: "p", Policy: balancer.RoundRobin, Targets: targets(1, 1, 1)}, p)
	}
	for i := range 3 {
		if counts[addr(i+1)] != 10 {
			t.Errorf("endpoint %d had %d of 30 turns", i, counts[addr(i+1)])
		}
	}
}

func TestRoundRobinGivesATurnThatIsInVainToTheNext(t *testing.T) {
	p := pool(balancer.RoundRobin, 1, 1, 1, 1)
	bad := pick(t, p, balancer.Ask{})
	counts := map[netip.AddrPort]int{}
	for range 40 {
		counts[pick(t, p, balancer.Ask{Tried: []*balancer.Endpoint{bad}}).Addr()]++
	}
	for i := range 4 {
		to := addr(i + 1)
		if to == bad.Addr() {
			continue
		}
		if counts[to] < 13 || counts[to] > 14 {
			t.Errorf("endpoint %d had %d of 40 turns, want a third", i, counts[to])
		}
	}
}
