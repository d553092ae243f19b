// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"
	"time"
)

// group is endpoints among which one is chosen.
type group struct {
	policy    Policy
	slowStart time.Duration
	endpoints []*Endpoint
	weights   []float64 // of endpoints, as parts of the largest; nil when all are equal
	sums      []float64 // of the weights up to and with each endpoint; nil when all are equal
	turns     turns     // for RoundRobin
	places    []uint64  // for ConsistentHash, of endpoints
}

// newGroup makes a group of endpoints, of which targets say the weights.
func newGroup(f Form, targets []Target, endpoints []*Endpoint) group {
	g := group{policy: f.Policy, slowStart: f.SlowStart, endpoints: endpoints}
	if slices.ContainsFunc(targets, func(t Target) bool { return t.Weight != targets[0].Weight }) {
		g.weigh(targets)
	}
	switch f.Policy {
	case RoundRobin:
		g.turns = newTurns(g.weights)
	case ConsistentHash:
		g.places = placesOf(endpoints)
		g.slowStart = 0
	}
	return g
}

// lightest is the least that an endpoint weighs, as a part of the largest weight.
const lightest = 1e-100

// weigh fills in weights and sums. Parts of the largest weight neither overflow
// nor differ in what they mean; the lightest do not vanish.
func (g *group) weigh(targets []Target) {
	largest, sum := 0.0, 0.0
	for _, t := range targets {
		largest = max(largest, t.Weight)
	}
	for _, t := range targets {
		weight := max(t.Weight/largest, lightest)
		g.weights = append(g.weights, weight)
		sum += weight
		g.sums = append(g.sums, sum)
	}
}

// weight of an endpoint, as a part of the largest.
func (g *group) weight(i int) float64 {
	if g.weights == nil {
		return 1
	}
	return g.weights[i]
}

// pick chooses an endpoint that is available, or with anyone set, one that would be if
// it had not failed. nil: there is none that has not been tried.
func (g *group) pick(a *Ask, anyone bool) *Endpoint {
	i := -1
	switch {
	case len(g.endpoints) == 0:
	case len(g.endpoints) == 1:
		if g.fits(0, a, anyone) {
			i = 0
		}
	case g.policy == RoundRobin:
		i = g.next(a, anyone)
	case g.policy == LeastConnections:
		i = g.fewest(a, anyone)
	case g.policy == ConsistentHash && a.Client.IsValid():
		i = g.ofClient(a, anyone)
	default:
		i = g.ofTwo(a, anyone)
	}
	if i < 0 {
		return nil
	}
	return g.endpoints[i]
}

// fits tells whether an endpoint may be picked.
func (g *group) fits(i int, a *Ask, anyone bool) bool {
	e := g.endpoints[i]
	return !slices.Contains(a.Tried, e) && a.pool.available(e, a.Now, a.guarded && !anyone)
}
