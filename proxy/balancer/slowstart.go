// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"slices"
	"time"
)

// slowest is the part of its share that a new endpoint begins with.
const slowest = 0.1

// begin starts the slow start of endpoints that join others. When nobody stays, who
// comes has to bear all at once.
func begin(endpoints []*Endpoint, old *Pool, f Form) {
	if f.SlowStart == 0 || old == nil {
		return
	}
	before := make(map[*Endpoint]bool, len(old.all.endpoints))
	for _, e := range old.all.endpoints {
		before[e] = true
	}
	joins := slices.ContainsFunc(endpoints, func(e *Endpoint) bool { return before[e] })
	for _, e := range endpoints {
		switch {
		case before[e]:
		case joins:
			e.since.Store(&f.Now)
		default:
			e.since.Store(nil)
		}
	}
}

// part of its share that an endpoint gets now, from slowest to 1.
func (g *group) part(e *Endpoint, now time.Time) float64 {
	since := e.since.Load()
	if since == nil {
		return 1
	}
	age := max(now.Sub(*since), 0)
	if age >= g.slowStart {
		return 1
	}
	return slowest + (1-slowest)*float64(age)/float64(g.slowStart)
}

// takes tells whether an endpoint takes a connection that would be its: all of them,
// or while it is new, every so many.
func (g *group) takes(e *Endpoint, now time.Time) bool {
	part := g.part(e, now)
	if part == 1 {
		return true
	}
	step := uint64(part * (1 << 32))
	credit := e.credit.Add(step)
	return credit>>32 != (credit-step)>>32
}
