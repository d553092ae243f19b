// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
)

// A cycle is at most this long, or as many turns per endpoint if that is longer.
const (
	longestCycle = 4096
	turnsEach    = 8
)

// turns is a sequence of endpoints without an end.
type turns struct {
	cycle   []uint32 // endpoints; nil: one after the other
	counter *counter
}

// counter has a cache line of its own: all threads write to it.
type counter struct {
	atomic.Uint64
	_ [56]byte
}

// newTurns makes a sequence, which begins anywhere so that proxies which start
// together do not begin with the same endpoint. weights is nil when all are equal.
func newTurns(weights []float64) turns {
	t := turns{counter: &counter{}}
	t.counter.Store(uint64(rand.Uint32()))
	if weights != nil {
		t.cycle = cycleOf(inTurns(weights))
	}
	return t
}

// next is the policy RoundRobin. The turn of an endpoint that does not fit, or is new
// and does not take this connection, goes to the next.
func (g *group) next(a *Ask, anyone bool) int {
	turn := uint64(0)
	for range max(len(g.endpoints), len(g.turns.cycle)) {
		turn = g.turns.counter.Add(1)
		i := g.turns.at(turn, len(g.endpoints))
		if g.fits(i, a, anyone) && (g.slowStart == 0 || g.takes(g.endpoints[i], a.Now)) {
			return i
		}
	}
	// Others had turns in between, or who is left is new.
	n := len(g.endpoints)
	for k := range n {
		if i := int((turn + uint64(k)) % uint64(n)); g.fits(i, a, anyone) {
			return i
		}
	}
	return -1
}

// at is the endpoint, of n, whose turn it is.
func (t *turns) at(turn uint64, n int) int {
	if t.cycle == nil {
		return int(turn % uint64(n))
	}
	return int(t.cycle[turn%uint64(len(t.cycle))])
}

// follow goes on where the group before is.
func (g *group) follow(before *group) {
	if g.turns.counter != nil && before.turns.counter != nil {
		g.turns.counter = before.turns.counter
	}
}

// cycleOf spreads turns evenly: of c turns, the k-th is in the middle of the k-th of c
// equal stretches of the cycle.
func cycleOf(counts []int) []uint32 {
	type turn struct {
		at       float64 // 0 to 1
		endpoint uint32
	}
	var all []turn
	for i, c := range counts {
		for k := range c {
			all = append(all, turn{at: (float64(k) + 0.5) / float64(c), endpoint: uint32(i)})
		}
	}
	slices.SortFunc(all, func(a, b turn) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.endpoint, b.endpoint)) })
	cycle := make([]uint32, len(all))
	for i, t := range all {
		cycle[i] = t.endpoint
	}
	return cycle
}

// inTurns are the turns of each endpoint in a cycle: exactly in proportion to the
// weights if a cycle of the longest length has room for that, or else as near as it
// has, and at least one.
func inTurns(weights []float64) []int {
	longest := float64(max(longestCycle, turnsEach*len(weights)))
	least, sum := slices.Min(weights), 0.0
	for _, w := range weights {
		sum += w
	}
	for part := 1.0; sum/least*part <= longest; part++ {
		if counts, exact := rounded(weights, part/least); exact {
			return counts
		}
	}
	counts, _ := rounded(weights, longest/sum)
	return counts
}

// rounded are weights times scale, at least 1, and whether no rounding was needed.
func rounded(weights []float64, scale float64) (counts []int, exact bool) {
	exact = true
	for _, w := range weights {
		count := math.Round(w * scale)
		exact = exact && math.Abs(w*scale-count) <= 1e-9*count
		counts = append(counts, int(max(count, 1)))
	}
	return counts, exact
}
