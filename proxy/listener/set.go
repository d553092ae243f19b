// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listener accepts the connections of a proxy and takes each through the
// stages router, balancer, upstream and relay to its end. It is the driver that
// gives every connection a goroutine. It opens and closes ports as plans say,
// and decides nothing about where connections go.
package listener

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/upstream"
)

// Options of a Set. The zero value of each field is its default.
type Options struct {
	// Address to bind for listeners that have none. The zero Addr means all
	// interfaces, IPv6 and IPv4.
	Address netip.Addr
	// Log for what someone should act on, and at debug level one line per
	// connection. Nothing is logged when nil.
	Log *slog.Logger
	// Metrics to count in. When nil, metrics that nobody sees.
	Metrics *metrics.Metrics
	// Dialer to reach endpoints with. The zero Dialer when nil.
	Dialer *upstream.Dialer
	// OnRefusals is told all refusals in force whenever they change by
	// themselves: a port that was taken has become free, or is taken by somebody
	// else. Calls do not overlap, but an Install may have come in between: where
	// that matters, ask Refusals.
	OnRefusals func([]*pushv1.Refusal)
	// RetryEvery is the time between attempts to bind a port that could not be
	// bound. 1s when 0.
	RetryEvery time.Duration
}

// Set is the listeners of a proxy.
type Set struct {
	opts Options
	ctx  context.Context // of all connections; ends with the drain deadline
	kill context.CancelFunc

	mu       sync.Mutex
	plan     *plan.Plan       // guarded by mu: the one in force
	ports    map[string]*port // guarded by mu: listener name -> port
	retry    *time.Timer      // guarded by mu: nil unless a port is unbound
	draining bool             // guarded by mu

	telling sync.Mutex // held while OnRefusals runs; taken before mu

	acceptors sync.WaitGroup
	conns     sync.WaitGroup // added to by acceptors only
	active    atomic.Int64
	ids       atomic.Uint64
}

// NewSet makes a Set that listens on nothing yet.
func NewSet(opts Options) *Set {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	opts.RetryEvery = cmp.Or(opts.RetryEvery, time.Second)
	opts.Dialer = cmp.Or(opts.Dialer, &upstream.Dialer{})
	if opts.Metrics == nil {
		opts.Metrics = metrics.New(nil)
	}
	//nolint:forbidigo // connections outlive every context of the caller; Drain ends them
	ctx, kill := context.WithCancel(context.Background())
	return &Set{opts: opts, ctx: ctx, kill: kill, plan: &plan.Plan{}, ports: map[string]*port{}}
}

// Install makes p the plan in force: opens the listeners that are new, closes
// those that are gone, and swaps the routes of the others. Connections that are
// established stay as they are. It returns the ports that could not be bound,
// with reason PORT_UNAVAILABLE; those are tried again until they can be, or
// until a plan without them is installed.
func (s *Set) Install(p *plan.Plan) []*pushv1.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil
	}
	for name, route := range p.Routes {
		if before := s.plan.Routes[name]; before != nil {
			route.Chooser.Adopt(before.Chooser)
		}
	}
	s.opts.Metrics.Install(p)
	s.plan = p
	gone := maps.Clone(s.ports)
	for name, l := range p.Listeners {
		if known := s.ports[name]; known != nil && known.serves(l) {
			known.route.Store(l.Route)
			delete(gone, name)
		} else {
			s.ports[name] = newPort(s, l)
		}
		if !s.ports[name].bound() {
			s.bind(s.ports[name])
		}
	}
	for name, old := range gone {
		old.stop()
		if s.ports[name] == old {
			delete(s.ports, name)
		}
	}
	s.scheduleRetry()
	return s.refusals()
}

// addressOf is the address that a listener is opened on; the zero Addr is all.
func (s *Set) addressOf(l *plan.Listener) netip.Addr {
	if l.Address.IsValid() {
		return l.Address
	}
	return s.opts.Address
}

// bind tries to open a port and notes why it cannot be. s.mu is held.
func (s *Set) bind(p *port) {
	before := p.problem()
	err := p.open()
	switch now := p.problem(); {
	case err == nil:
		s.opts.Log.Info("listening", "listener", p.name, "port", p.number)
		s.acceptors.Go(p.accept)
	case now != before:
		s.opts.Log.Warn("port unavailable, trying again", "listener", p.name, "port", p.number, "err", err)
	}
}

// scheduleRetry sees to it that unbound ports are tried again. s.mu is held.
func (s *Set) scheduleRetry() {
	if s.retry != nil {
		s.retry.Stop()
		s.retry = nil
	}
	for _, p := range s.ports {
		if !p.bound() {
			s.retry = time.AfterFunc(s.opts.RetryEvery, s.rebind)
			return
		}
	}
}

// rebind tries the unbound ports again and tells of what has changed.
func (s *Set) rebind() {
	s.telling.Lock()
	defer s.telling.Unlock()
	if refusals, changed := s.bindAgain(); changed && s.opts.OnRefusals != nil {
		s.opts.OnRefusals(refusals)
	}
}

func (s *Set) bindAgain() (refusals []*pushv1.Refusal, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return nil, false
	}
	for _, p := range s.ports {
		if !p.bound() {
			before := p.problem()
			s.bind(p)
			changed = changed || p.problem() != before
		}
	}
	s.scheduleRetry()
	return s.refusals(), changed
}

// Refusals are the refusals in force, sorted by name.
func (s *Set) Refusals() []*pushv1.Refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusals()
}

func (s *Set) refusals() []*pushv1.Refusal {
	var all []*pushv1.Refusal
	for _, name := range slices.Sorted(maps.Keys(s.ports)) {
		if p := s.ports[name]; !p.bound() {
			all = append(all, &pushv1.Refusal{
				Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: name},
				Reason:   pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE,
				Message:  p.problem(),
			})
		}
	}
	return all
}

// Active is the number of connections being served.
func (s *Set) Active() int { return int(s.active.Load()) }

// Drain stops accepting, after having accepted what has already reached the
// listening sockets, and waits until every connection has ended. When ctx ends
// it ends those that are left and returns their number. Nothing can be
// installed afterwards. Draining again waits for the same.
func (s *Set) Drain(ctx context.Context) (ended int) {
	s.close()

	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		s.acceptors.Wait()
		s.conns.Wait()
	}()
	select {
	case <-quiet:
	case <-ctx.Done():
		ended = s.Active()
	}
	s.kill()
	<-quiet
	return ended
}

// close stops all ports for good.
func (s *Set) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	if s.retry != nil {
		s.retry.Stop()
	}
	for name, p := range s.ports {
		p.stop()
		delete(s.ports, name)
	}
}
