// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package balancer picks the endpoint of a pool that a new connection goes to, by
// the pool's policy. Load is counted here, by the leases that connections hold. It
// does no IO, is told the time, takes no lock (but that of a Shelf, where there is one)
// and allocates nothing per connection, so that every driver can use it from any thread.
package balancer

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Target is an endpoint as the config states it.
type Target struct {
	Addr   netip.AddrPort
	Weight float64 // share relative to the other endpoints, above 0 and finite
	Hint   Hint
}

// Form is a pool as the config states it.
type Form struct {
	Name    string
	Targets []Target
	Policy  Policy
	// SlowStart is the time over which the share of an endpoint that joins others
	// grows to its full. 0: it has it at once. ConsistentHash knows none.
	SlowStart time.Duration
	// MinConnections is how many connections are kept ready for clients to come.
	MinConnections int
	// IgnoreZones has the targets' hints left alone.
	IgnoreZones bool
	// Guard keeps connections from endpoints that fail or have enough.
	Guard Guard
	// Now is when the form comes into force, for SlowStart.
	Now time.Time
}

// Pool is the endpoint set of one concrete name. It does not change; the pool
// that takes its place is made by NewPool and goes on with its counters.
type Pool struct {
	name    string
	targets []Target
	all     group
	near    *group      // those meant for this zone; nil when that decides nothing
	retired []*Endpoint // no longer targets, but may have connections
	shelf   *Shelf      // nil: no connections are kept ready
	guard   Guard
	lineage *lineage
	census  atomic.Uint64 // see count
}

// NewPool makes a pool. What old (nil for none) knows of the targets' addresses is
// taken over, and endpoints of old that are no target any more stay known until
// they are idle, so that one which comes back has its load. An address that is
// listed twice counts once.
func NewPool(f Form, old *Pool) *Pool {
	p := &Pool{name: f.Name, shelf: shelf(f.MinConnections, old), guard: f.Guard, lineage: &lineage{name: f.Name}}
	if old != nil {
		p.lineage = old.lineage
	}
	known := old.known()
	wanted := make(map[netip.AddrPort]bool, len(f.Targets))
	var endpoints []*Endpoint
	for _, t := range f.Targets {
		if wanted[t.Addr] {
			continue
		}
		wanted[t.Addr] = true
		e := known[t.Addr]
		if e == nil {
			e = &Endpoint{addr: t.Addr, lineage: p.lineage}
		}
		p.targets = append(p.targets, t)
		endpoints = append(endpoints, e)
	}
	begin(endpoints, old, f)
	p.all = newGroup(f, p.targets, endpoints)
	p.near = near(f, p.targets, endpoints)
	p.succeed(old, wanted)
	p.stand()
	return p
}

// Name of the pool.
func (p *Pool) Name() string { return p.name }

// Has tells whether the pool is of exactly these targets, in this order.
func (p *Pool) Has(targets []Target) bool { return slices.Equal(p.targets, targets) }

// Shelf is where connections are ready; nil: nobody keeps any.
func (p *Pool) Shelf() *Shelf { return p.shelf }

// Contains tells whether an endpoint is one of those that can be picked.
func (p *Pool) Contains(e *Endpoint) bool { return slices.Contains(p.all.endpoints, e) }

// Len is the number of endpoints that can be picked.
func (p *Pool) Len() int { return len(p.targets) }

// Endpoints are those that can be picked. The list must not be changed.
func (p *Pool) Endpoints() []*Endpoint { return p.all.endpoints }

// Ask is what a connection says when it asks for an endpoint.
type Ask struct {
	// Tried are the endpoints that it has tried in vain.
	Tried []*Endpoint
	// Client is whom it is for. The zero Addr: nobody yet.
	Client netip.Addr
	Now    time.Time

	pool    *Pool
	guarded bool // keep to those that are fit
}

// draws is how often an endpoint is chosen again after others were quicker to take it.
const draws = 8

// Pick leases an endpoint to a connection. ok is false when there is none left.
func (p *Pool) Pick(a Ask) (lease Lease, ok bool) {
	a.pool, a.guarded = p, p.guarded()
	for range draws {
		e, anyone := p.choose(&a)
		if e == nil {
			break
		}
		if lease, ok = p.hold(e, a.Now, a.guarded && !anyone); ok {
			break
		}
	}
	return lease, ok
}

// choose takes from those of this zone while one of them is available. When all that
// are fit have been tried, anyone may be chosen; not when they have enough.
func (p *Pool) choose(a *Ask) (e *Endpoint, anyone bool) {
	if p.near != nil {
		if e := p.near.pick(a, false); e != nil {
			return e, false
		}
	}
	if e := p.all.pick(a, false); e != nil || !a.guarded || p.full(a.Tried) {
		return e, false
	}
	return p.all.pick(a, true), true
}
