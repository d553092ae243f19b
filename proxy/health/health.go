// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package health checks the endpoints of the pools that ask for it: it connects to
// each from time to time, and tells the balancer when one has failed, or succeeded,
// so often in a row that it is to be taken out, or readmitted. It gives no connection
// to anybody, and while no pool asks for checks it does nothing.
package health

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/wye-dev/wye/proxy/plan"
)

// Options of a Checker. The zero value of each field is its default.
type Options struct {
	// Reach connects to an endpoint, as connections of clients do. When nil, by TCP alone.
	Reach func(ctx context.Context, pool *plan.Pool, endpoint netip.AddrPort) (net.Conn, error)
	// Log for what someone should act on. Nothing is logged when nil.
	Log *slog.Logger
}

// Checker checks what the plan in force says.
type Checker struct {
	opts Options
	plan atomic.Pointer[plan.Plan] // to be followed; nil before the first
	wake chan struct{}             // holds one value when there is another plan
}

// New makes a Checker, which checks nothing before it is run.
func New(opts Options) *Checker {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	if opts.Reach == nil {
		opts.Reach = func(ctx context.Context, _ *plan.Pool, endpoint netip.AddrPort) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", endpoint.String())
		}
	}
	return &Checker{opts: opts, wake: make(chan struct{}, 1)}
}

// Follow makes p the plan that says what is checked. It does not wait.
func (c *Checker) Follow(p *plan.Plan) {
	c.plan.Store(p)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run checks until ctx ends.
func (c *Checker) Run(ctx context.Context) {
	wards := map[string]*ward{} // pool -> who checks it
	defer func() {
		for _, w := range wards {
			w.end()
		}
	}()
	for {
		select {
		case <-c.wake:
			c.follow(ctx, wards, c.plan.Load().Pools)
		case <-ctx.Done():
			return
		}
	}
}

// follow has those pools checked that ask for it, and no others.
func (c *Checker) follow(ctx context.Context, wards map[string]*ward, pools map[string]*plan.Pool) {
	for name, w := range wards {
		pool := pools[name]
		if pool != nil && pool.Check != nil && pool.Check.Equal(w.check) {
			w.pool.Store(pool)
			continue
		}
		w.end()
		delete(wards, name)
		if pool != nil && pool.Check == nil {
			w.acquit()
		}
	}
	for name, pool := range pools {
		if pool.Check != nil && wards[name] == nil {
			wards[name] = c.begin(ctx, pool)
		}
	}
}
