// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/socket"
)

const (
	// atOnce is how many endpoints of a pool are checked at a time.
	atOnce = 64
	// startWithin is the time over which the first checks of many proxies, which
	// learn of a pool together, are spread.
	startWithin = time.Second
)

// ward checks the endpoints of one pool.
type ward struct {
	check  *plan.Check
	opts   Options
	pool   atomic.Pointer[plan.Pool] // the newest of its name
	cancel context.CancelFunc
	done   chan struct{}
	streak map[*balancer.Endpoint]*streak
}

// streak is results of checks of an endpoint in a row.
type streak struct {
	well bool
	n    int
	told bool // the balancer has been told
}

// begin has a pool checked.
func (c *Checker) begin(ctx context.Context, pool *plan.Pool) *ward {
	ctx, cancel := context.WithCancel(ctx)
	w := &ward{check: pool.Check, opts: c.opts, cancel: cancel, done: make(chan struct{}), streak: map[*balancer.Endpoint]*streak{}}
	w.pool.Store(pool)
	go func() {
		defer close(w.done)
		w.run(ctx)
	}()
	return w
}

// end stops the checks, and returns when none is on its way.
func (w *ward) end() {
	w.cancel()
	<-w.done
}

// acquit has every endpoint pass for well: nobody checks them any more.
func (w *ward) acquit() {
	for _, e := range w.pool.Load().Endpoints() {
		e.Checked(true, time.Now())
	}
}

// run checks in rounds, an interval from the beginning of one to that of the next.
// One that takes longer than that leaves a pause all the same.
func (w *ward) run(ctx context.Context) {
	timer := time.NewTimer(rand.N(min(w.check.Interval, startWithin)))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		w.round(ctx)
		interval := w.check.Interval*4/5 + rand.N(w.check.Interval*2/5+1)
		timer.Reset(max(interval-time.Since(began), w.check.Interval/4))
	}
}

// round checks each endpoint once.
func (w *ward) round(ctx context.Context) {
	pool := w.pool.Load()
	endpoints := pool.Endpoints()
	results := make([]error, len(endpoints))
	free := make(chan struct{}, atOnce)
	var checks sync.WaitGroup
	for i, e := range endpoints {
		free <- struct{}{}
		checks.Go(func() {
			results[i] = w.probe(ctx, pool, e.Addr())
			<-free
		})
	}
	checks.Wait()
	if ctx.Err() != nil {
		return // and what was learned is of no worth
	}
	now := time.Now()
	for i, e := range endpoints {
		if !socket.Lack(results[i]) { // which is nothing that was learned
			w.learn(pool, e, results[i], now)
		}
	}
	w.forget(endpoints)
}

// learn takes the result of a check.
func (w *ward) learn(pool *plan.Pool, e *balancer.Endpoint, err error, now time.Time) {
	s := w.streak[e]
	if s == nil {
		s = &streak{well: err == nil}
		w.streak[e] = s
	}
	if well := err == nil; s.well != well {
		*s = streak{well: well}
	}
	s.n++
	enough := w.check.Healthy
	if !s.well {
		enough = w.check.Unhealthy
	}
	if s.told || s.n < enough {
		return
	}
	s.told = true
	if !s.well {
		w.opts.Log.Info("an endpoint fails its checks", "pool", pool.Name(), "endpoint", e.Addr().String(), "failures", s.n, "err", err)
	}
	e.Checked(s.well, now)
}

// forget drops the streaks of endpoints that are no longer there.
func (w *ward) forget(endpoints []*balancer.Endpoint) {
	if len(w.streak) == len(endpoints) {
		return
	}
	there := make(map[*balancer.Endpoint]bool, len(endpoints))
	for _, e := range endpoints {
		there[e] = true
	}
	for e := range w.streak {
		if !there[e] {
			delete(w.streak, e)
		}
	}
}
