// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listener opens and closes the ports of a proxy as plans say, gives each
// the route that its new connections take, and says which ports cannot be had. A
// driver accepts and serves the connections: the event loops of package loop, or
// the goroutines of package portable. It touches no connection itself.
package listener

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/socket"
)

// Options of a Set. The zero value of each field is its default.
type Options struct {
	// Address to bind for listeners that have none. The zero Addr means all
	// interfaces, IPv6 and IPv4.
	Address netip.Addr
	// Log for what someone should act on. Nothing is logged when nil.
	Log *slog.Logger
	// Metrics that follow the plan in force, if there are any.
	Metrics *metrics.Metrics
	// OnRefusals is told all refusals in force whenever they change by
	// themselves: a port that was taken has become free, or is taken by somebody
	// else. Calls do not overlap, but an Install may have come in between: where
	// that matters, ask Refusals.
	OnRefusals func([]*pushv1.Refusal)
	// Shared ports may be open in several proxies of one user that all share them. By
	// default nobody else can open them.
	Shared bool
	// Inherit gives the sockets that another process has listened on, each once, by
	// place: 127.0.0.1:80, or *:80 for all interfaces. It returns nil where there was
	// none. Nil: nothing is inherited.
	Inherit func(place string) *net.TCPListener
	// Hold has ports opened, and nobody let in, until Begin is called.
	Hold bool
	// RetryEvery is the time between attempts to bind a port that could not be
	// bound. 1s when 0.
	RetryEvery time.Duration
}

// Set is the listeners of a proxy.
type Set struct {
	opts   Options
	driver Driver
	ctx    context.Context // of binding
	cancel context.CancelFunc

	mu       sync.Mutex
	plan     *plan.Plan        // guarded by mu: the one in force
	ports    map[string]*bound // guarded by mu: listener name -> port
	tried    map[string]bool   // guarded by mu: congestion controls of the plan
	retry    *time.Timer       // guarded by mu: nil unless a port is not open
	draining bool              // guarded by mu
	holding  bool              // guarded by mu: ports are opened and not served

	going  map[string]*bound    // guarded by mu: during an install, listener name -> port that goes
	closed map[uint16]time.Time // guarded by mu: number -> when a port was last closed

	mover  *migration.Mover // nil without metrics
	movers sync.WaitGroup   // that run: one from the first migration on
	moves  sync.Once

	telling sync.Mutex // held while OnRefusals runs; taken before mu
	drain   sync.Once
}

// NewSet makes a Set that listens on nothing yet, and has its ports served by driver.
func NewSet(driver Driver, opts Options) *Set {
	opts.Log = cmp.Or(opts.Log, slog.New(slog.DiscardHandler))
	opts.RetryEvery = cmp.Or(opts.RetryEvery, time.Second)
	//nolint:forbidigo // ports outlive every context of the caller; Drain closes them
	ctx, cancel := context.WithCancel(context.Background())
	s := &Set{
		opts: opts, driver: driver, ctx: ctx, cancel: cancel, holding: opts.Hold,
		plan: &plan.Plan{}, ports: map[string]*bound{}, closed: map[uint16]time.Time{},
	}
	if opts.Metrics != nil {
		s.mover = migration.New(opts.Metrics, driver, nil)
	}
	return s
}

// Install makes p the plan in force: opens the listeners that are new, closes
// those that are gone, and swaps the routes of the others. Connections that are
// established stay as they are, unless their route has them migrated; so do those that wait to be accepted, as far as the
// congestion control towards clients goes. It returns the ports that could not be bound,
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
	if s.opts.Metrics != nil {
		s.opts.Metrics.Install(p)
	}
	s.migrate(p)
	s.tryCongestionControls(p)
	s.plan = p
	s.going = maps.Clone(s.ports)
	for name, l := range p.Listeners {
		if known := s.ports[name]; known != nil && known.serves(s.addressOf(l), l) {
			delete(s.going, name)
		}
	}
	for name, l := range p.Listeners {
		if known := s.ports[name]; known == nil || s.going[name] == known {
			s.ports[name] = &bound{
				Port:    Port{Name: name, since: time.Now(), counts: s.counts(name)},
				address: s.addressOf(l),
				number:  l.Port,
			}
		}
		s.ports[name].limit(l)
		s.ports[name].plan.Store(l)
		s.ports[name].congestion = l.CongestionControl
		if s.ports[name].stop == nil {
			s.bind(s.ports[name])
		} else {
			s.ports[name].controlCongestion()
		}
	}
	for name, old := range s.going {
		s.shut(old)
		if s.ports[name] == old {
			delete(s.ports, name)
		}
	}
	s.going = nil
	s.scheduleRetry()
	return s.refusals()
}

// tryCongestionControls tells of those that p asks for and the kernel does not
// give, unless the plan before asked for them too. Connections go on with the
// kernel's default then. s.mu is held.
func (s *Set) tryCongestionControls(p *plan.Plan) {
	asked := map[string]bool{}
	for _, l := range p.Listeners {
		asked[l.CongestionControl] = true
	}
	for _, r := range p.Routes {
		asked[r.CongestionControl] = true
	}
	delete(asked, "")
	for name := range asked {
		if s.tried[name] {
			continue
		}
		if err := socket.TryCongestionControl(name); err != nil {
			s.opts.Log.Warn("congestion control cannot be had, going on with the kernel's default", "name", name, "err", err)
		}
	}
	s.tried = asked
}

// counts is where a port counts what happens before there is a connection.
func (s *Set) counts(listener string) *metrics.Port {
	if s.opts.Metrics == nil {
		return &metrics.Port{}
	}
	return s.opts.Metrics.Port(listener)
}

// addressOf is the address that a listener is opened on; the zero Addr is all.
func (s *Set) addressOf(l *plan.Listener) netip.Addr {
	if l.Address.IsValid() {
		return l.Address
	}
	return s.opts.Address
}

// bind tries to open a port and notes why it cannot be. s.mu is held.
func (s *Set) bind(b *bound) {
	before := b.problem()
	b.err = s.open(b)
	switch now := b.problem(); {
	case b.err == nil:
		s.opts.Log.Info("listening", "listener", b.Name, "port", b.number)
	case now != before:
		s.opts.Log.Warn("port unavailable, trying again", "listener", b.Name, "port", b.number, "err", b.err)
	}
}

// scheduleRetry sees to it that ports which are not open are tried again. s.mu is held.
func (s *Set) scheduleRetry() {
	if s.retry != nil {
		s.retry.Stop()
		s.retry = nil
	}
	for _, p := range s.ports {
		if p.stop == nil {
			s.retry = time.AfterFunc(s.opts.RetryEvery, s.rebind)
			return
		}
	}
}

// rebind tries the ports again that are not open and tells of what has changed.
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
		if p.stop == nil {
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
		if p := s.ports[name]; p.stop == nil {
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
func (s *Set) Active() int { return s.driver.Active() }

// Drain stops accepting, after having accepted what has already reached the
// listening sockets, and waits until every connection has ended. When ctx ends
// it ends those that are left and returns their number. Nothing can be
// installed afterwards. Draining again waits for the same.
func (s *Set) Drain(ctx context.Context) (ended int) {
	s.close(func(string) bool { return false })
	s.movers.Wait()
	s.drain.Do(func() { ended = s.driver.Drain(ctx.Done()) })
	return ended
}

// close stops all ports for good. Others go on with those that are kept.
func (s *Set) close(kept func(place string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	s.cancel()
	if s.retry != nil {
		s.retry.Stop()
	}
	for name, p := range s.ports {
		p.kept = kept(p.place())
		p.close()
		delete(s.ports, name)
	}
}
