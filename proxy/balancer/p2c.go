// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"math/rand/v2"
	"sort"
)

// ofTwo is the policy P2C.
func (g *group) ofTwo(a *Ask, anyone bool) int {
	if len(a.Tried) > 0 {
		return g.leastLoaded(a, anyone)
	}
	i, j := g.draw()
	switch fitsI, fitsJ := g.fits(i, a, anyone), g.fits(j, a, anyone); {
	case fitsI && fitsJ:
		return g.better(i, j, a)
	case fitsI:
		return i
	case fitsJ:
		return j
	default:
		return g.leastLoaded(a, anyone)
	}
}

// draw returns two different endpoints, by weight.
func (g *group) draw() (int, int) {
	n := len(g.endpoints)
	if g.sums == nil {
		i, j := rand.IntN(n), rand.IntN(n-1)
		if j >= i {
			j++
		}
		return i, j
	}
	total := g.sums[n-1]
	i := g.at(rand.Float64() * total)
	// The second is drawn from what is left when i is cut out.
	weight := g.weights[i]
	r := rand.Float64() * (total - weight)
	if r >= g.sums[i]-weight {
		r += weight
	}
	j := g.at(r)
	if i == j { // a rounding
		j = (i + 1) % n
	}
	return i, j
}

// at is the endpoint whose stretch of the sums r falls into.
func (g *group) at(r float64) int {
	return min(sort.Search(len(g.sums), func(i int) bool { return r < g.sums[i] }), len(g.sums)-1)
}

// better is the less loaded of two endpoints, or the other one if that is new and
// does not take this connection.
func (g *group) better(i, j int, a *Ask) int {
	if g.loadsMore(i, j) {
		i, j = j, i
	}
	if g.slowStart > 0 && !g.takes(g.endpoints[i], a.Now) {
		return j
	}
	return i
}

// loadsMore tells whether i has more load for its weight than j, with the connection
// that is to come.
func (g *group) loadsMore(i, j int) bool {
	loadI, loadJ := float64(g.endpoints[i].Load()+1), float64(g.endpoints[j].Load()+1)
	if g.weights != nil { // (load + 1) / weight, multiplied out
		loadI, loadJ = loadI*g.weights[j], loadJ*g.weights[i]
	}
	return loadI > loadJ
}

// leastLoaded is the best endpoint that fits, or -1. It looks at all, from a random
// one on: attempts after the first are rare, and must not draw the same endpoints
// again.
func (g *group) leastLoaded(a *Ask, anyone bool) int {
	best, n := -1, len(g.endpoints)
	start := rand.IntN(n)
	for k := range n {
		i := (start + k) % n
		if g.fits(i, a, anyone) && (best < 0 || g.loadsMore(best, i)) {
			best = i
		}
	}
	return best
}
