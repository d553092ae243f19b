// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"math"

	"github.com/wye-dev/wye/proxy/affinity"
)

// ofClient is the policy ConsistentHash. Each endpoint has a number for each client,
// and the greatest wins (rendezvous hashing). So an endpoint that leaves moves its own
// clients alone, one that comes takes its share and nobody moves between others; and
// who cannot reach its endpoint goes to the one with the next number, the same each
// time. Numbers depend on nothing but the addresses: all proxies agree.
func (g *group) ofClient(a *Ask, anyone bool) int {
	client := affinity.Client(a.Client)
	if g.weights == nil {
		if i := g.greatest(client); g.fits(i, a, anyone) {
			return i
		}
	}
	best, highest := -1, math.Inf(-1)
	for i, place := range g.places {
		// The probability to have the greatest number is in proportion to the weight,
		// which is at most 1. Logarithms are slow, and never above what is less by 1.
		chance := unit(affinity.Pair(client, place))
		if chance-1 < highest {
			continue
		}
		if number := math.Log(chance) / g.weight(i); number >= highest && g.fits(i, a, anyone) {
			best, highest = i, number
		}
	}
	return best
}

// greatest is the endpoint that wins when all weigh the same and fit.
func (g *group) greatest(client uint64) int {
	best, highest := 0, uint64(0)
	for i, place := range g.places {
		if number := affinity.Pair(client, place); number > highest {
			best, highest = i, number
		}
	}
	return best
}

// unit is a hash as a number between 0 and 1, neither included.
func unit(hash uint64) float64 { return (float64(hash>>11) + 0.5) / (1 << 53) }

// placesOf are the keys of endpoints.
func placesOf(endpoints []*Endpoint) []uint64 {
	places := make([]uint64, len(endpoints))
	for i, e := range endpoints {
		places[i] = affinity.Name(e.addr.String())
	}
	return places
}
