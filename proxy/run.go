// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proxy is the data plane of Wye as a whole: Run serves what its source of
// config says until it is told to stop, and then lets the connections end. The
// source is the controller of a fleet, unless it is given another one.
// It puts the stages together and owns their goroutines; it decides nothing
// about a connection itself.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/admin"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/handover"
	"github.com/wye-dev/wye/proxy/health"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/portable"
	"github.com/wye-dev/wye/proxy/tlsconf"
	"github.com/wye-dev/wye/proxy/warm"
)

// SpareProcessors are those of Go (GOMAXPROCS) that should be there beside one for
// each event loop. With fewer, the loops work as well, but not as fast.
const SpareProcessors = 2

// Options of Run.
type Options struct {
	// Config says where config comes from. Plane and Log are filled in by Run.
	Config apply.Options
	// Source makes what config comes from in place of a controller. Nil: Config
	// says it all.
	Source func(Host) Source
	// Bind is the address that the routes' ports are opened on. The zero Addr
	// is every address of the machine, IPv4 and IPv6.
	Bind netip.Addr
	// SharePorts lets other proxies of the same user open the same ports, if they are
	// to share them too. By default a port is this proxy's alone.
	SharePorts bool
	// Zone that the proxy is in; endpoints meant for it go first. Empty: not known.
	Zone string
	// HandOver has the proxy take the ports of the process before it, and give them to
	// the next. Run closes it. Nil: there is neither.
	HandOver *handover.HandOver
	// Admin is where the admin server listens. Run closes it.
	Admin net.Listener
	// Drain is closed to have the proxy drain and Run return. Nil: never.
	Drain <-chan struct{}
	// DrainDelay is how long a draining proxy goes on accepting, so that those
	// who send it connections learn that it is not ready any more. 0: not at all.
	DrainDelay time.Duration
	// DrainDeadline is how long connections may go on after that. What is left
	// then is ended. 0: they are ended at once.
	DrainDeadline time.Duration
	// Portable has every connection served by goroutines, as on systems for which
	// there are no event loops: slower, and to compare with.
	Portable bool
	// Loops is the number of event loops otherwise: GOMAXPROCS when 0, which
	// should be larger than the number of loops by SpareProcessors.
	Loops int
	Log   *slog.Logger
}

// errHurried is why Run ends connections before their time.
var errHurried = errors.New("told to end at once")

// Run serves until Drain is closed and the connections have ended, or until ctx
// ends, which ends them at once. The error is nil after a drain, also when the
// deadline had to end connections.
func Run(ctx context.Context, o Options) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	s, err := newServer(o, end)
	if err != nil {
		if o.HandOver != nil {
			o.HandOver.Close()
		}
		return err
	}

	// 1. Admin first: probes see a proxy that starts, and /ready says what it waits for.
	adminCtx, stopAdmin := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAdmin()
	s.stopAdmin = stopAdmin
	adminEnd := make(chan error, 1)
	go func() {
		defer close(s.adminOver)
		adminEnd <- s.serveAdmin(adminCtx)
	}()

	// 2. Then the source of config is followed, and endpoints are checked.
	checkCtx, stopChecks := context.WithCancel(context.WithoutCancel(ctx))
	var checking sync.WaitGroup
	checking.Go(func() { s.checks.Run(checkCtx) })
	defer checking.Wait()
	defer stopChecks()
	followCtx, unfollow := context.WithCancel(ctx)
	defer unfollow()
	var following sync.WaitGroup
	following.Go(func() { s.source.Run(followCtx) })
	handing := s.handOver(followCtx)

	// 3. Serve.
	var broken error
	delay, alone := o.DrainDelay, false
	select {
	case <-o.Drain:
	case <-s.told:
	case <-s.relieved: // who sends connections has nothing to notice
		delay = 0
	case <-ctx.Done():
	case broken = <-adminEnd: // nobody could tell how the proxy is, unless another one does
		alone = true
	}

	// 4. Not ready any more, but still accepting, and still following the source.
	s.draining.Store(true)
	o.Log.Info("draining", "delay", delay, "deadline", o.DrainDeadline, "connections", s.set.Active())
	s.wait(ctx, delay)

	// 5. No more config, no more connections, and the end of those that are left.
	unfollow()
	following.Wait()
	s.letGo()
	s.warm.Close()
	hurried := s.drain(ctx)

	// 6. Admin last.
	stopAdmin()
	handing()
	if !alone {
		broken = <-adminEnd
	}
	return errors.Join(hurried, broken)
}

// server is the parts of a running proxy.
type server struct {
	Options
	set      *listener.Set
	warm     *warm.Keeper
	checks   *health.Checker
	source   Source
	registry *prometheus.Registry
	told     chan struct{} // closed when the source says that the proxy is to drain
	draining atomic.Bool

	stopAdmin context.CancelFunc
	adminOver chan struct{} // closed when the admin server has ended
	begun     chan struct{} // closed when the admin server may begin
	relieved  chan struct{} // closed when another process has taken over
}

// newServer makes the parts; end ends Run's context.
func newServer(o Options, end func()) (*server, error) {
	s := &server{
		Options: o, registry: prometheus.NewRegistry(), told: make(chan struct{}),
		adminOver: make(chan struct{}), begun: make(chan struct{}), relieved: make(chan struct{}),
	}
	s.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	counted := metrics.New(s.registry)
	driver, err := s.driver(counted)
	if err != nil {
		return nil, err
	}
	s.set = listener.NewSet(driver, listener.Options{
		Address:    o.Bind,
		Shared:     o.SharePorts,
		Inherit:    s.inherit,
		Hold:       s.inherits(),
		Log:        o.Log,
		Metrics:    counted,
		OnRefusals: func([]*pushv1.Refusal) { s.source.Recheck() },
	})
	s.checks = health.New(health.Options{Reach: reach, Log: o.Log})
	s.warm = warm.New(o.Log)
	identities := &tlsconf.Store{}
	s.registry.MustRegister(identities.Collector())
	plane := &plane{
		set: s.set, checks: s.checks, warm: s.warm, tally: tally{metrics: counted},
		builder: plan.Builder{Identities: identities, Zone: o.Zone, Tell: tellOf(o.Log)},
	}
	source := o.Source
	if source == nil {
		source = pushed(o.Config)
		plane.keys = &keyring{store: identities, log: o.Log}
	}
	if o.Zone != "" {
		o.Log.Info("endpoints of this zone go first, where they have zones", "zone", o.Zone)
	}
	s.source = source(Host{
		Plane:      plane,
		Identities: identities,
		Metrics:    s.registry,
		Draining:   s.draining.Load,
		Active:     s.set.Active,
		Drain:      sync.OnceFunc(func() { close(s.told) }),
		End:        end,
		Log:        o.Log,
	})
	return s, nil
}

// driver makes the data plane.
func (s *server) driver(m *metrics.Metrics) (listener.Driver, error) {
	if s.Portable {
		return portable.New(portable.Options{Log: s.Log, Metrics: m}), nil
	}
	return loops(s.Loops, s.Log, m)
}

// serveAdmin answers on the admin port until ctx ends: at once, unless the process
// before this one still does.
func (s *server) serveAdmin(ctx context.Context) error {
	select {
	case <-s.begun:
	case <-ctx.Done():
		return s.Admin.Close()
	}
	s.Log.Info("admin listening", "address", s.Admin.Addr().String())
	return admin.Serve(ctx, s.Admin, s.source.Handler(), s.Log)
}

// drain closes the listeners and waits for the connections, at most until the
// deadline or the end of ctx. The error says that it was the latter.
func (s *server) drain(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.DrainDeadline)
	defer cancel()
	ended := s.set.Drain(limited)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w, with %d connections open", errHurried, ended)
	case ended > 0:
		s.Log.Warn("drained; connections that were left at the deadline were ended", "ended", ended)
	default:
		s.Log.Info("drained; every connection ended by itself")
	}
	return nil
}

// wait returns after d, when ctx ends, or when another process has taken over.
func (s *server) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.relieved:
	case <-ctx.Done():
	}
}
