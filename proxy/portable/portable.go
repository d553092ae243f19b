// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package portable is the data plane for systems without epoll, and the reference
// that the event loops are tested against: it gives every connection a goroutine
// and leaves waiting to Go. It accepts the connections of ports and takes each
// through router, balancer, upstream and relay to its end. It decides nothing
// about where they go.
package portable

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/upstream"
)

// Options of a Driver. The zero value of each field is its default.
type Options struct {
	// Log for what someone should act on, and at debug level one line per
	// connection. Nothing is logged when nil.
	Log *slog.Logger
	// Metrics to count in. When nil, metrics that nobody sees.
	Metrics *metrics.Metrics
	// Dialer to reach endpoints with. The zero Dialer when nil.
	Dialer *upstream.Dialer
}

// Driver is a listener.Driver.
type Driver struct {
	opts Options
	ctx  context.Context // of all connections; ends when the rest of a drain is ended
	kill context.CancelFunc

	acceptors sync.WaitGroup
	conns     sync.WaitGroup // added to by acceptors only
	active    atomic.Int64
	residents residents
	ids       atomic.Uint64
}

// New makes a Driver that serves nothing yet.
func New(opts Options) *Driver {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	opts.Dialer = cmp.Or(opts.Dialer, &upstream.Dialer{})
	if opts.Metrics == nil {
		opts.Metrics = metrics.New(nil)
	}
	//nolint:forbidigo // connections outlive every context of the caller; Drain ends them
	ctx, kill := context.WithCancel(context.Background())
	return &Driver{opts: opts, ctx: ctx, kill: kill}
}

// Serve is the listener.Driver's.
func (d *Driver) Serve(l *net.TCPListener, p *listener.Port) (stop func(kept bool), err error) {
	a := &acceptor{
		driver: d, tcp: l, port: p, counts: d.opts.Metrics.Port(p.Name), left: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	p.OnLimits(a.roomy)
	d.acceptors.Go(a.accept)
	return a.stop, nil
}

// Active is the number of connections being served.
func (d *Driver) Active() int { return int(d.active.Load()) }

// Drain is the listener.Driver's.
func (d *Driver) Drain(kill <-chan struct{}) (ended int) {
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		d.acceptors.Wait()
		d.conns.Wait()
	}()
	select {
	case <-quiet:
	case <-kill:
		ended = d.Active()
	}
	d.kill()
	<-quiet
	return ended
}
