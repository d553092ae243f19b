// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"math/rand/v2"

	"github.com/wye-dev/wye/proxy/affinity"
)

// fewest is the policy LeastConnections: the endpoint with the least load for its
// weight, which is less while it is new. Among several it draws by weight.
func (g *group) fewest(a *Ask, anyone bool) int {
	best, least, ties := -1, 0.0, 0.0
	random := rand.Uint64()
	for i, e := range g.endpoints {
		if !g.fits(i, a, anyone) {
			continue
		}
		weight := g.weight(i)
		if g.slowStart > 0 {
			weight *= g.part(e, a.Now)
		}
		load := float64(e.Load()) / weight
		switch {
		case best < 0 || load < least:
			best, least, ties = i, load, weight
		case load == least:
			ties += weight
			random = affinity.Pair(random, 0)
			if unit(random)*ties < weight {
				best = i
			}
		}
	}
	return best
}
