// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"strings"
	"time"
)

const (
	loadEvery = 10 * time.Millisecond // a connection
	loadHeld  = 32                    // connections: enough to be spread over all proxies of a fleet
)

// load is a steady stream of new connections to a route, one question each, and
// some connections that stay open beside it.
type load struct {
	held   conns
	stop   context.CancelFunc
	done   chan struct{}
	asked  int
	failed []error
}

// startLoad begins to connect to a route, until check is called or the test ends.
func (p *place) startLoad(port int32) *load {
	p.Helper()
	return p.startLoadOf(p.open(port, loadHeld), func(ctx context.Context) error {
		_, err := askOnce(ctx, port)
		return err
	})
}

// startLoadOf begins to ask, beside connections that are open.
func (p *place) startLoadOf(held conns, ask func(context.Context) error) *load {
	p.Helper()
	ctx, cancel := context.WithCancel(p.Context())
	l := &load{held: held, stop: cancel, done: make(chan struct{})}
	l.held.ask()
	go l.run(ctx, ask)
	p.Cleanup(func() {
		cancel()
		<-l.done
	})
	return l
}

func (l *load) run(ctx context.Context, ask func(context.Context) error) {
	defer close(l.done)
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		switch err := ask(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			l.failed = append(l.failed, err)
		}
		l.asked++
	}
}

// check ends the load, of which nothing may have failed: neither a new
// connection nor one that was held, as a restart of a proxy would end it.
func (l *load) check() {
	l.held.Helper()
	l.stop()
	<-l.done
	if len(l.failed) > 0 {
		l.held.Errorf("%d of %d connections failed meanwhile, the first of them: %v", len(l.failed), l.asked, l.failed[0])
	}
	for name, n := range l.held.ask() {
		if strings.HasPrefix(name, broken) {
			l.held.Errorf("%d of %d connections that were open are %s", n, loadHeld, name)
		}
	}
}
