// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/health"
	"github.com/wye-dev/wye/proxy/plan"
)

const patience = 20 * time.Second

// server answers each connection that sends something, or at once when it need not.
type server struct {
	addr     netip.AddrPort
	answer   atomic.Pointer[string] // nil: it says nothing
	accepted atomic.Int32
}

func serve(t *testing.T, answer string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &server{addr: l.Addr().(*net.TCPAddr).AddrPort()}
	s.answer.Store(&answer)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			go s.talk(conn)
		}
	}()
	return s
}

func (s *server) talk(conn net.Conn) {
	defer conn.Close()
	if answer := s.answer.Load(); answer != nil {
		_, _ = conn.Write([]byte(*answer))
	}
	_, _ = io.Copy(io.Discard, conn)
}

// world is a Checker that runs, and the plan that it follows.
type world struct {
	t       *testing.T
	checker *health.Checker
	plan    *plan.Plan
	mu      sync.Mutex
	events  []balancer.Event // guarded by mu
}

func newWorld(t *testing.T, opts health.Options) *world {
	t.Helper()
	w := &world{t: t, checker: health.New(opts)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.checker.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return w
}

func (w *world) install(settings *pushv1.PoolSettings, servers ...*server) {
	w.t.Helper()
	pool := &pushv1.Pool{Name: "a", Settings: settings}
	for _, s := range servers {
		pool.Endpoints = append(pool.Endpoints, &pushv1.Endpoint{Address: s.addr.Addr().String(), Port: uint32(s.addr.Port())})
	}
	b := plan.Builder{Now: time.Now(), Tell: func(e balancer.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}}
	next, refused := b.Build(&pushv1.Config{Pools: []*pushv1.Pool{pool}}, w.plan)
	if len(refused) > 0 {
		w.t.Fatal(refused)
	}
	w.plan = next
	w.checker.Follow(next)
}

func (w *world) census() balancer.Census { return w.plan.Pools["a"].Census() }

func ping() *pushv1.PoolSettings {
	return &pushv1.PoolSettings{HealthCheck: &pushv1.HealthCheck{
		Interval:           durationpb.New(20 * time.Millisecond),
		Timeout:            durationpb.New(100 * time.Millisecond),
		UnhealthyThreshold: 2,
		HealthyThreshold:   2,
		Send:               []byte("PING\r\n"),
		Expect:             []byte("+PONG"),
	}}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

func TestWhoDoesNotAnswerAsExpectedIsTakenOutAndComesBack(t *testing.T) {
	for _, test := range []struct{ reason, answer string }{
		{"nothing", ""},
		{"too little", "+PO"},
		{"something else, shorter", "-no"},
		{"something else, longer", "-LOADING Redis is loading"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, health.Options{})
			good, bad := serve(t, "+PONG\r\n"), serve(t, "+PONG\r\n")
			w.install(ping(), good, bad)
			eventually(t, "both have been checked", func() bool { return good.accepted.Load() > 2 && bad.accepted.Load() > 2 })
			if c := w.census(); c.Unhealthy > 0 {
				t.Errorf("%+v, while both do well", c)
			}
			bad.answer.Store(&test.answer)
			eventually(t, "it is out", func() bool { return w.census().Unhealthy == 1 })
			pong := "+PONG\r\n"
			bad.answer.Store(&pong)
			eventually(t, "it is readmitted", func() bool { return w.census().Available == 2 })
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.events) != 2 || w.events[0].Addr != bad.addr || !w.events[0].Out || w.events[1].Out || w.events[0].Cause != balancer.Check {
				t.Errorf("%+v", w.events)
			}
		})
	}
}

func TestConnectingIsEnoughWhereNothingIsExpected(t *testing.T) {
	w := newWorld(t, health.Options{})
	settings := ping()
	settings.HealthCheck.Send, settings.HealthCheck.Expect = nil, nil
	silent := serve(t, "")
	gone := &server{addr: netip.MustParseAddrPort("127.0.0.1:1")}
	w.install(settings, silent, gone)
	eventually(t, "the one that refuses is out", func() bool { return w.census().Unhealthy == 1 })
	if lease, ok := w.plan.Pools["a"].Pick(balancer.Ask{Now: time.Now()}); !ok || lease.Endpoint().Addr() != silent.addr {
		t.Errorf("picked %v", lease.Endpoint())
	}
}

func TestTheNewestPlanSaysWhatIsChecked(t *testing.T) {
	w := newWorld(t, health.Options{})
	bad, new := serve(t, "-no"), serve(t, "+PONG")
	w.install(ping(), bad)
	eventually(t, "it is out", func() bool { return w.census().Unhealthy == 1 })

	// Another endpoint is used at once, and checked.
	w.install(ping(), bad, new)
	if c := w.census(); c.Available != 1 || c.Unhealthy != 1 {
		t.Errorf("%+v", c)
	}
	eventually(t, "the new one is checked", func() bool { return new.accepted.Load() > 2 })

	// With other settings it is checked anew: now the answer is good.
	other := proto.CloneOf(ping())
	other.HealthCheck.Expect = []byte("-no")
	w.install(other, bad, new)
	eventually(t, "it is the other that is out", func() bool {
		e := w.plan.Pools["a"].Endpoints()
		return w.census().Unhealthy == 1 && e[0].Fit() && !e[1].Fit()
	})

	// Without checks, nobody is out for them.
	w.install(nil, bad, new)
	eventually(t, "all are in", func() bool { return w.census().Available == 2 })
	accepted := bad.accepted.Load()
	w.install(ping(), new)
	eventually(t, "checks go on", func() bool { n := new.accepted.Load(); return n > 0 && w.census().Available == 1 })
	if bad.accepted.Load() > accepted+1 { // one may have been in the queue
		t.Error("an endpoint that is gone is checked")
	}
}

func TestManyEndpointsAreCheckedAtOnce(t *testing.T) {
	var now, most atomic.Int32
	w := newWorld(t, health.Options{Reach: func(ctx context.Context, _ *plan.Pool, _ netip.AddrPort) (net.Conn, error) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer now.Add(-1)
		<-ctx.Done() // a black hole
		return nil, ctx.Err()
	}})
	var servers []*server
	for i := range 500 {
		servers = append(servers, &server{addr: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(i+1))})
	}
	settings := ping()
	settings.HealthCheck.UnhealthyThreshold = 1
	w.install(settings, servers...)
	eventually(t, "all are out", func() bool { return w.census().Unhealthy == 500 })
	if n := most.Load(); n < 32 || n > 64 {
		t.Errorf("%d checks at once, want 64 at most, and no few", n)
	}
	// Never all: everybody is used when nobody is well.
	if _, ok := w.plan.Pools["a"].Pick(balancer.Ask{Now: time.Now()}); !ok {
		t.Error("nobody is used")
	}
}

// TestWhatTheProxyLacksIsNoFailure: without descriptors, nothing is known of anybody.
func TestWhatTheProxyLacksIsNoFailure(t *testing.T) {
	var lacks, tried atomic.Int32
	lacks.Store(1)
	w := newWorld(t, health.Options{Reach: func(ctx context.Context, _ *plan.Pool, endpoint netip.AddrPort) (net.Conn, error) {
		tried.Add(1)
		if lacks.Load() > 0 {
			return nil, &net.OpError{Op: "dial", Err: syscall.EMFILE}
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", endpoint.String())
	}})
	well, mute := serve(t, "+PONG"), serve(t, "-ERR")
	w.install(ping(), well, mute)
	eventually(t, "many checks have come to nothing", func() bool { return tried.Load() > 40 })
	if c := w.census(); c.Unhealthy > 0 {
		t.Errorf("%d endpoints pass for sick", c.Unhealthy)
	}
	lacks.Store(0)
	eventually(t, "one is found out", func() bool { return w.census().Unhealthy == 1 })
}
