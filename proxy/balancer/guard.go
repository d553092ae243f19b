// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Guard keeps connections from endpoints that fail or have enough. The zero Guard
// keeps none from any.
type Guard struct {
	Accrual Accrual
	// Panic is a share in per cent: when fewer endpoints than that would be left, all
	// are used. 0: only when none would be left.
	Panic int
	// MaxConnections of an endpoint at a time, those being set up among them. 0: no limit.
	MaxConnections int64
	// MaxPending is how many connections may wait for an endpoint of the pool at a
	// time. 0: no limit.
	MaxPending int64
	// Tell is told when an endpoint is taken out and when it is readmitted, by the
	// thread that does it. Nil: nobody is.
	Tell func(Event)
}

// Event is that an endpoint was taken out or readmitted.
type Event struct {
	Pool  string
	Addr  netip.AddrPort
	Cause Cause         // for which it was out
	Out   bool          // it is out; else it is readmitted
	For   time.Duration // that it is out for at least; 0: until checks succeed
}

// lineage is what the pools of one name have in common that take each other's place.
type lineage struct {
	name    string
	guard   atomic.Pointer[Guard] // the newest pool's
	changes atomic.Uint32         // how often an endpoint came to be fit, or not to be
	waiting atomic.Int64          // connections that wait for an endpoint

	ejected, readmitted [Causes]atomic.Int64
}

// stand puts the pool's guard in force. Where none is to be out, none is.
func (p *Pool) stand() {
	p.lineage.guard.Store(&p.guard)
	for _, e := range p.all.endpoints {
		if p.guard.Accrual.Failures == 0 {
			e.settle(verdict.cleared, time.Time{})
		}
	}
	p.census.Store(p.count())
}

// fit is how many endpoints are neither out nor sick.
func (p *Pool) fit() int {
	census := p.census.Load()
	if uint32(census>>32) != p.lineage.changes.Load() {
		census = p.count()
		p.census.Store(census)
	}
	return int(uint32(census))
}

// count makes a census: the number of changes before it, and of endpoints that are fit.
func (p *Pool) count() uint64 {
	changes, fit := p.lineage.changes.Load(), 0
	for _, e := range p.all.endpoints {
		if e.verdict().fit() {
			fit++
		}
	}
	return uint64(changes)<<32 | uint64(fit)
}

// guarded tells whether connections are to be kept from endpoints that are not fit:
// there are some, and enough others.
func (p *Pool) guarded() bool {
	fit, n := p.fit(), len(p.all.endpoints)
	return fit < n && fit > 0 && fit*100 >= p.guard.Panic*n
}

// Fit tells whether it is not out.
func (e *Endpoint) Fit() bool { return e.verdict().fit() }

// verdict on the endpoint.
func (e *Endpoint) verdict() verdict { return verdict(e.word.Load()) }

// settle changes the verdict on an endpoint, by a function that may be called again.
func (e *Endpoint) settle(by func(verdict) verdict, now time.Time) {
	for {
		before := e.verdict()
		if e.swap(before, by(before), now) {
			return
		}
	}
}

// swap changes the verdict if it is still what it was before.
func (e *Endpoint) swap(before, after verdict, now time.Time) bool {
	if before == after {
		return true
	}
	if !e.word.CompareAndSwap(uint64(before), uint64(after)) {
		return false
	}
	if before.fit() != after.fit() {
		e.lineage.changed(e, before, after, now)
	}
	return true
}

// changed notes that an endpoint was taken out, or readmitted.
func (l *lineage) changed(e *Endpoint, before, after verdict, now time.Time) {
	l.changes.Add(1)
	event := Event{Pool: l.name, Addr: e.addr, Out: before.fit(), Cause: Check}
	worse := before
	if event.Out {
		worse = after
	}
	if worse.phase() != in {
		event.Cause = worse.cause()
	}
	if event.Out {
		l.ejected[event.Cause].Add(1)
		if after.phase() == out {
			event.For = time.UnixMilli(after.until()).Sub(now).Round(time.Millisecond)
		}
	} else {
		l.readmitted[event.Cause].Add(1)
	}
	if g := l.guard.Load(); g != nil && g.Tell != nil {
		g.Tell(event)
	}
}

// Checked says what a check has found out about an endpoint.
func (e *Endpoint) Checked(well bool, now time.Time) {
	e.settle(func(v verdict) verdict {
		if well {
			return v &^ sick
		}
		return v | sick
	}, now)
}

// accrual of the pool in use; nil for none.
func (e *Endpoint) accrual() *Accrual {
	if g := e.lineage.guard.Load(); g != nil && g.Accrual.Failures > 0 {
		return &g.Accrual
	}
	return nil
}

// hold leases an endpoint, if it may be used: not one that is kept from connections
// now, nor one that has as many as it may. Whoever is first to be sent to one whose
// time is over is its probe.
func (p *Pool) hold(e *Endpoint, now time.Time, guarded bool) (Lease, bool) {
	admitted, probe := e.admit(&p.guard.Accrual, now)
	if guarded && !admitted {
		return Lease{}, false
	}
	lease := Lease{endpoint: e, probe: probe}
	if !e.take(p.guard.MaxConnections) {
		if probe {
			lease.abandon()
		}
		return Lease{}, false
	}
	return lease, true
}

// available tells whether hold would lease an endpoint.
func (p *Pool) available(e *Endpoint, now time.Time, guarded bool) bool {
	if guarded {
		if v := e.verdict(); !v.fit() {
			if _, _, ok := p.guard.Accrual.admit(v, now); !ok {
				return false
			}
		}
	}
	return p.guard.MaxConnections == 0 || e.Load() < p.guard.MaxConnections
}

// full tells whether endpoints that are fit and not among those tried have as many
// connections as they may.
func (p *Pool) full(tried []*Endpoint) bool {
	if p.guard.MaxConnections == 0 {
		return false
	}
	for _, e := range p.all.endpoints {
		if e.verdict().fit() && e.Load() >= p.guard.MaxConnections && !slices.Contains(tried, e) {
			return true
		}
	}
	return false
}

// admit asks for leave to send a connection to the endpoint.
func (e *Endpoint) admit(a *Accrual, now time.Time) (admitted, probe bool) {
	for {
		before := e.verdict()
		if before.fit() {
			return true, false
		}
		after, probe, ok := a.admit(before, now)
		if !ok || e.swap(before, after, now) {
			return ok, probe
		}
	}
}

// Failed says that the endpoint could not be reached. Release must follow.
func (l *Lease) Failed(now time.Time) { l.fail(Connect, now) }

// Reached says that the endpoint was reached.
func (l *Lease) Reached(now time.Time) {
	a := l.accrues()
	if a == nil || l.endpoint.verdict() == 0 {
		return
	}
	l.endpoint.settle(func(v verdict) verdict { return a.reached(v, l.probe, now) }, now)
}

// Proved says that the endpoint has sent something.
func (l *Lease) Proved() {
	a := l.accrues()
	if a == nil || a.EarlyClose == 0 || l.endpoint.verdict() == 0 {
		return
	}
	l.endpoint.settle(a.proved, time.Time{})
}

// Dropped says that the endpoint has ended the connection, so long after it was
// reached, before the client did and before it has sent anything.
func (l *Lease) Dropped(after time.Duration, now time.Time) {
	if a := l.accrues(); a != nil && a.EarlyClose > 0 && after <= a.EarlyClose {
		l.fail(Early, now)
	}
}

func (l *Lease) fail(c Cause, now time.Time) {
	a := l.accrues()
	if a == nil {
		return
	}
	luck := rand.Float64()
	l.endpoint.settle(func(v verdict) verdict { return a.failed(v, c, l.probe, now, luck) }, now)
	l.probe = false
}

func (l *Lease) accrues() *Accrual {
	if l.endpoint == nil {
		return nil
	}
	return l.endpoint.accrual()
}

// abandon gives up a probe that has come to nothing.
func (l *Lease) abandon() {
	if a := l.accrues(); a != nil {
		l.endpoint.settle(a.abandoned, time.Time{})
	}
}

// Census is how the endpoints of a pool do.
type Census struct {
	Available int // that get new connections, or would but for their number
	Ejected   int // out, because they failed
	Unhealthy int // out, because checks failed
	Retired   int // gone from the pool, and still with connections
}

// Census counts the endpoints.
func (p *Pool) Census() Census {
	c := Census{Retired: p.Retired()}
	for _, e := range p.all.endpoints {
		switch v := e.verdict(); {
		case v&sick != 0:
			c.Unhealthy++
		case v.phase() != in:
			c.Ejected++
		default:
			c.Available++
		}
	}
	return c
}

// Out is how many endpoints are out, for whatever cause.
func (p *Pool) Out() int { return len(p.all.endpoints) - p.fit() }

// Ejections is how often endpoints of this pool, and of those before it, were taken
// out for a cause, and readmitted after it.
func (p *Pool) Ejections(c Cause) (ejected, readmitted int64) {
	return p.lineage.ejected[c].Load(), p.lineage.readmitted[c].Load()
}

// Enter counts a connection in that waits for an endpoint, unless as many wait as
// may. Leave must follow if it did.
func (p *Pool) Enter() bool {
	if p.guard.MaxPending == 0 {
		return true
	}
	if p.lineage.waiting.Add(1) > p.guard.MaxPending {
		p.lineage.waiting.Add(-1)
		return false
	}
	return true
}

// Leave counts a connection out that waits no longer.
func (p *Pool) Leave() {
	if p.guard.MaxPending > 0 {
		p.lineage.waiting.Add(-1)
	}
}
