// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package loop is the data plane: event loops, one per core, each of which accepts,
// dials and relays the connections that are its own. A connection has neither a
// goroutine nor a buffer: it is a struct of a few hundred bytes in its loop's slab,
// and memory is held for it only while bytes are that its receiver does not take.
// Bulk moves inside the kernel, by splice(2).
//
// Where a connection goes is decided by packages router, balancer and upstream; a
// loop carries out their steps, and counts. What a connection does is described in
// package relay, which does the same with goroutines, and is tested side by side.
package loop

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
)

// Options of a Driver. The zero value of each field is its default.
type Options struct {
	// Loops is their number. GOMAXPROCS when 0.
	Loops int
	// Attentive loops keep their Go processor while they wait, for a short time. That
	// is faster, and needs processors besides: for the control plane, and the collector.
	Attentive bool
	// Log for what someone should act on, and at debug level one line per
	// connection. Nothing is logged when nil.
	Log *slog.Logger
	// Metrics to count in. When nil, metrics that nobody sees.
	Metrics *metrics.Metrics
}

// Driver is a listener.Driver.
type Driver struct {
	opts      Options
	ctx       context.Context // of log lines
	loops     []*loop
	lastCalls sync.WaitGroup
	conns     sync.WaitGroup
}

// New starts the loops. Drain ends them.
func New(opts Options) (*Driver, error) {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	if opts.Metrics == nil {
		opts.Metrics = metrics.New(nil)
	}
	opts.Loops = cmp.Or(opts.Loops, runtime.GOMAXPROCS(0))
	//nolint:forbidigo // what is logged belongs to no request
	d := &Driver{opts: opts, ctx: context.Background()}
	for i := range opts.Loops {
		l, err := newLoop(d, i)
		if err != nil {
			d.end()
			return nil, fmt.Errorf("start event loop %d: %w", i, err)
		}
		d.loops = append(d.loops, l)
	}
	for _, l := range d.loops {
		go l.run()
	}
	return d, nil
}

// Serve is the listener.Driver's.
func (d *Driver) Serve(l *net.TCPListener, p *listener.Port) (stop func(kept bool), err error) {
	s, err := newSource(d, l, p)
	if err != nil {
		return nil, err
	}
	for _, l := range d.loops {
		l.post(letter{do: func() { l.listen(s) }})
	}
	return func(kept bool) { d.lastCalls.Go(func() { s.close(kept) }) }, nil
}

// Active is the number of connections being served.
func (d *Driver) Active() int {
	n := int64(0)
	for _, l := range d.loops {
		n += l.load.Load()
	}
	return int(n)
}

// Drain is the listener.Driver's. It ends the loops.
func (d *Driver) Drain(kill <-chan struct{}) (ended int) {
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		d.lastCalls.Wait()
		d.conns.Wait()
	}()
	select {
	case <-quiet:
	case <-kill:
		ended = d.Active()
		for _, l := range d.loops {
			l.post(letter{do: l.endAll})
		}
	}
	<-quiet
	for _, l := range d.loops {
		l.post(letter{do: func() { l.over = true }})
		<-l.done
	}
	d.end()
	return ended
}

// end gives the loops' descriptors back. None of them runs.
func (d *Driver) end() {
	for _, l := range d.loops {
		l.close()
	}
}

// lodge counts a connection in, in the loop that it is to go to. l has accepted it.
func (d *Driver) lodge(l *loop) *loop {
	to := d.roomiest(l)
	to.load.Add(1)
	d.conns.Add(1)
	return to
}

// roomiest is the loop for a connection that l has accepted: l itself, unless
// another has clearly fewer.
func (d *Driver) roomiest(l *loop) *loop {
	least, load := l, l.load.Load()
	for _, other := range d.loops {
		if n := other.load.Load(); n < load {
			least, load = other, n
		}
	}
	if l.load.Load()-load > 1+load/8 {
		return least
	}
	return l
}
