// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package balancer picks the endpoint of a pool that a new connection goes to,
// by the power of two choices: of two endpoints drawn in proportion to their
// weights the one with less load for its weight. Load is counted here, by the
// leases that connections hold. It does no IO, reads no clock, takes no lock and
// allocates nothing per connection, so that every driver can use it from any thread.
package balancer

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
)

// Target is an endpoint as the config states it.
type Target struct {
	Addr   netip.AddrPort
	Weight float64 // share relative to the other endpoints, above 0 and finite
}

// Pool is the endpoint set of one concrete name. It does not change; the pool
// that takes its place is made by NewPool and goes on with its counters.
type Pool struct {
	name      string
	targets   []Target
	endpoints []*Endpoint // of targets
	weights   []float64   // of targets, as parts of the largest; nil when all are equal
	sums      []float64   // of the weights up to and with each target; nil when all are equal
	retired   []*Endpoint // no longer targets, but may have connections
}

// NewPool makes a pool of targets. What old (nil for none) knows of their
// addresses is taken over, and endpoints of old that are no target any more stay
// known until they are idle, so that one which comes back has its load. An
// address that is listed twice counts once.
func NewPool(name string, targets []Target, old *Pool) *Pool {
	p := &Pool{name: name}
	known := old.known()
	wanted := make(map[netip.AddrPort]bool, len(targets))
	even := true
	for _, t := range targets {
		if wanted[t.Addr] {
			continue
		}
		wanted[t.Addr] = true
		e := known[t.Addr]
		if e == nil {
			e = &Endpoint{addr: t.Addr}
		}
		p.targets = append(p.targets, t)
		p.endpoints = append(p.endpoints, e)
		even = even && t.Weight == targets[0].Weight
	}
	if !even {
		p.weigh()
	}
	if old != nil {
		p.retired = old.outgoing(wanted)
	}
	return p
}

// Name of the pool.
func (p *Pool) Name() string { return p.name }

// Has tells whether the pool is of exactly these targets, in this order.
func (p *Pool) Has(targets []Target) bool { return slices.Equal(p.targets, targets) }

// Len is the number of endpoints that can be picked.
func (p *Pool) Len() int { return len(p.endpoints) }

// Retired is the number of endpoints that cannot be picked any more and still
// have connections.
func (p *Pool) Retired() int {
	n := 0
	for _, e := range p.retired {
		if e.Load() > 0 {
			n++
		}
	}
	return n
}

// Idle tells whether no endpoint of the pool, retired or not, has connections.
func (p *Pool) Idle() bool {
	for _, e := range p.endpoints {
		if e.Load() > 0 {
			return false
		}
	}
	return p.Retired() == 0
}

// Pick leases an endpoint to a connection that has already tried some in vain.
// ok is false when there is none left.
func (p *Pool) Pick(tried []*Endpoint) (lease Lease, ok bool) {
	i := -1
	switch n := len(p.endpoints); {
	case n == 0:
	case len(tried) > 0:
		i = p.leastLoaded(tried)
	case n == 1:
		i = 0
	default:
		i = p.better(p.draw())
	}
	if i < 0 {
		return Lease{}, false
	}
	return p.endpoints[i].lease(), true
}

// draw returns two different endpoints, by weight.
func (p *Pool) draw() (int, int) {
	n := len(p.endpoints)
	if p.sums == nil {
		i, j := rand.IntN(n), rand.IntN(n-1)
		if j >= i {
			j++
		}
		return i, j
	}
	total := p.sums[n-1]
	i := p.at(rand.Float64() * total)
	// The second is drawn from what is left when i is cut out.
	weight := p.weights[i]
	r := rand.Float64() * (total - weight)
	if r >= p.sums[i]-weight {
		r += weight
	}
	j := p.at(r)
	if i == j { // a rounding
		j = (i + 1) % n
	}
	return i, j
}

// at is the endpoint whose stretch of the sums r falls into.
func (p *Pool) at(r float64) int {
	return min(sort.Search(len(p.sums), func(i int) bool { return r < p.sums[i] }), len(p.sums)-1)
}

// better is the one of two endpoints with less load for its weight; i if they are equal.
func (p *Pool) better(i, j int) int {
	loadI, loadJ := float64(p.endpoints[i].Load()+1), float64(p.endpoints[j].Load()+1)
	if p.weights != nil { // (load + 1) / weight, multiplied out
		loadI, loadJ = loadI*p.weights[j], loadJ*p.weights[i]
	}
	if loadJ < loadI {
		return j
	}
	return i
}

// leastLoaded is the best endpoint that has not been tried, or -1. It looks at
// all, from a random one on: attempts after the first are rare, and must not
// draw the same endpoints again.
func (p *Pool) leastLoaded(tried []*Endpoint) int {
	best, n := -1, len(p.endpoints)
	start := rand.IntN(n)
	for k := range n {
		i := (start + k) % n
		if slices.Contains(tried, p.endpoints[i]) {
			continue
		}
		if best < 0 || p.better(best, i) == i {
			best = i
		}
	}
	return best
}

// known are all endpoints by address.
func (p *Pool) known() map[netip.AddrPort]*Endpoint {
	if p == nil {
		return nil
	}
	known := make(map[netip.AddrPort]*Endpoint, len(p.endpoints)+len(p.retired))
	for _, e := range slices.Concat(p.endpoints, p.retired) {
		known[e.addr] = e
	}
	return known
}

// outgoing are the endpoints that are to be retired when only those wanted stay. One
// that is idle is kept for as long as p itself may still be picked from.
func (p *Pool) outgoing(wanted map[netip.AddrPort]bool) []*Endpoint {
	var out []*Endpoint
	for _, e := range p.endpoints {
		if !wanted[e.addr] {
			out = append(out, e)
		}
	}
	for _, e := range p.retired {
		if !wanted[e.addr] && e.Load() > 0 {
			out = append(out, e)
		}
	}
	return out
}

// weigh fills in weights and sums. Parts of the largest weight neither overflow
// nor differ in what they mean.
func (p *Pool) weigh() {
	largest, sum := 0.0, 0.0
	for _, t := range p.targets {
		largest = max(largest, t.Weight)
	}
	for _, t := range p.targets {
		p.weights = append(p.weights, t.Weight/largest)
		sum += t.Weight / largest
		p.sums = append(p.sums, sum)
	}
}
