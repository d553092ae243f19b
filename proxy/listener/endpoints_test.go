// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
)

// accrual takes endpoints out quickly, for a time that a test can wait for.
func accrual() *pushv1.FailureAccrual {
	return &pushv1.FailureAccrual{
		ConsecutiveFailures: 3,
		MinPenalty:          durationpb.New(300 * time.Millisecond),
		MaxPenalty:          durationpb.New(300 * time.Millisecond),
	}
}

// lasting is accrual with penalties that no test waits for.
func lasting() *pushv1.FailureAccrual {
	a := accrual()
	a.MinPenalty, a.MaxPenalty = durationpb.New(time.Hour), durationpb.New(time.Hour)
	return a
}

// settled is the pool "a" with settings.
func settled(s *pushv1.PoolSettings, endpoints ...*pushv1.Endpoint) *pushv1.Pool {
	p := pool("a", endpoints...)
	p.Settings = s
	return p
}

func (p *proxy) endpoints(state string) float64 {
	p.t.Helper()
	return p.value("wye_proxy_endpoints", map[string]string{"arm": "a", "state": state})
}

func (p *proxy) retries() float64 {
	p.t.Helper()
	return p.value("wye_proxy_connect_retries_total", armA())
}

// load has n clients connect one after the other in each of four threads. It returns how
// many were not answered.
func (p *proxy) load(n int) (failed int) {
	p.t.Helper()
	var bad atomic.Int32
	var threads sync.WaitGroup
	for range 4 {
		threads.Go(func() {
			for range n / 4 {
				if !p.answers() {
					bad.Add(1)
				}
			}
		})
	}
	threads.Wait()
	return int(bad.Load())
}

// answers tells whether somebody answers a client. It may be called from any goroutine.
func (p *proxy) answers() bool {
	conn, err := net.Dial("tcp", netip.AddrPortFrom(loopback(), p.port).String())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err == nil
}

// backend is a server whose port can be closed and opened.
type backend struct {
	t        *testing.T
	addr     netip.AddrPort
	listener net.Listener
	accepted atomic.Int32
	rude     atomic.Bool // closes at once, without a word
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{t: t}
	b.open()
	t.Cleanup(func() { b.listener.Close() })
	return b
}

func (b *backend) endpoint() *pushv1.Endpoint { return endpoint(b.addr) }

func (b *backend) close() { b.listener.Close() }

func (b *backend) open() {
	b.t.Helper()
	address := "127.0.0.1:0"
	if b.addr.IsValid() {
		address = b.addr.String()
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.listener, b.addr = l, l.Addr().(*net.TCPAddr).AddrPort()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.accepted.Add(1)
			if b.rude.Load() {
				conn.Close()
				continue
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Write([]byte("b"))
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
}

func TestAnEndpointThatRefusesIsTakenOutAndComesBack(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		b := newBackend(t)
		p.install(leaf("a"), settled(&pushv1.PoolSettings{FailureAccrual: accrual()}, server(t, "a"), b.endpoint()))
		b.close()
		for p.endpoints("ejected") == 0 {
			if !p.answers() {
				t.Fatal("a client was not answered, though another endpoint does")
			}
		}
		retries := p.retries()
		if retries < 3 {
			t.Errorf("taken out after %v failures, want 3", retries)
		}
		if got := p.value("wye_proxy_endpoint_ejections_total", map[string]string{"arm": "a", "cause": "connect"}); got != 1 {
			t.Errorf("%v ejections are counted", got)
		}

		// It comes back: one connection finds out, at the cost of nobody.
		b.open()
		before := b.accepted.Load()
		eventually(t, "the endpoint is readmitted", func() bool {
			if !p.answers() {
				t.Error("a client was not answered")
			}
			return p.endpoints("available") == 2
		})
		if p.retries() > retries+3 { // probes while it was closed
			t.Errorf("%v attempts failed while it was out", p.retries()-retries)
		}
		eventually(t, "it has connections", func() bool { return p.answers() && b.accepted.Load() > before+1 })
	})
}

func TestOnceOutAnEndpointCostsNobodyAnything(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		settings := &pushv1.PoolSettings{FailureAccrual: lasting()}
		settings.FailureAccrual.EarlyClose = durationpb.New(10 * time.Second)
		rude := newBackend(t)
		rude.rude.Store(true)
		p.install(leaf("a"), settled(settings, server(t, "a"), server(t, "b"), server(t, "c"), closed(t), rude.endpoint()))
		eventually(t, "both are out", func() bool { p.answers(); return p.endpoints("ejected") == 2 })
		accepted, retries := rude.accepted.Load(), p.retries()
		if failed := p.load(400); failed > 0 {
			t.Errorf("%d of 400 clients failed", failed)
		}
		if rude.accepted.Load() != accepted || p.retries() != retries {
			t.Errorf("%d and %v connections went to endpoints that are out", rude.accepted.Load()-accepted, p.retries()-retries)
		}
		if got := p.value("wye_proxy_endpoint_ejections_total", map[string]string{"arm": "a", "cause": "early_close"}); got != 1 {
			t.Errorf("%v ejections for early closes are counted", got)
		}
	})
}

func TestAProbeThatIsClosedEarlyDoesNotReadmit(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		settings := &pushv1.PoolSettings{FailureAccrual: accrual()}
		settings.FailureAccrual.EarlyClose = durationpb.New(time.Second)
		b := newBackend(t)
		b.rude.Store(true)
		p.install(leaf("a"), settled(settings, server(t, "a"), b.endpoint()))
		eventually(t, "it is out", func() bool { p.answers(); return p.endpoints("ejected") == 1 })
		accepted := b.accepted.Load()
		eventually(t, "it is probed, twice", func() bool { p.answers(); return b.accepted.Load() >= accepted+2 })
		if p.endpoints("ejected") != 1 || p.value("wye_proxy_endpoint_readmissions_total", armA()) != 0 {
			t.Error("it was readmitted")
		}
		b.rude.Store(false)
		eventually(t, "it is readmitted", func() bool { p.answers(); return p.endpoints("available") == 2 })
	})
}

// An endpoint that ends what its client has ended, or has said something, has not failed.
func TestWhatAClientEndsIsNoEarlyClose(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		settings := &pushv1.PoolSettings{FailureAccrual: lasting()}
		settings.FailureAccrual.EarlyClose = durationpb.New(time.Minute)
		settings.FailureAccrual.ConsecutiveFailures = 1
		// It says nothing, and ends when the client does.
		silent := accepting(t, func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
		p.install(leaf("a"), settled(settings, silent))
		for range 20 {
			conn := p.dial()
			_, _ = conn.Write([]byte("x"))
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			conn.Close()
		}
		conn := p.dial()
		_ = conn.SetLinger(0)
		conn.Close()
		eventually(t, "all have ended", func() bool { return p.value("wye_proxy_connections_active", armA()) == 0 })
		if p.endpoints("available") != 1 {
			t.Error("the endpoint is out")
		}
	})
}

func TestWhenAllEndpointsFailAllAreUsed(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		b, other := newBackend(t), newBackend(t)
		p.install(leaf("a"), settled(&pushv1.PoolSettings{FailureAccrual: lasting()}, b.endpoint(), other.endpoint()))
		b.close()
		other.close()
		eventually(t, "both are out", func() bool { p.answers(); return p.endpoints("ejected") == 2 })
		// The penalties last for an hour, but whoever comes is sent there all the same.
		b.open()
		other.open()
		if failed := p.load(40); failed > 0 {
			t.Errorf("%d of 40 clients failed", failed)
		}
		if p.endpoints("available") == 0 {
			t.Error("what goes well does not readmit")
		}
	})
}

// A paused process: the kernel accepts for it until its queue is full, and from then
// on attempts to connect get no answer.
func TestAnEndpointThatDoesNotAnswerIsTakenOut(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		config := p.config(leaf("a"), settled(&pushv1.PoolSettings{FailureAccrual: lasting()}, server(t, "a"), blackHole(t)))
		config.Routes[0].Timeouts = &pushv1.Timeouts{Attempt: durationpb.New(500 * time.Millisecond)}
		if refused := p.try(config); len(refused) > 0 {
			t.Fatal(refused)
		}
		eventually(t, "it is out", func() bool {
			if !p.answers() {
				t.Error("a client was not answered")
			}
			return p.endpoints("ejected") == 1
		})
		retries := p.retries()
		if failed := p.load(100); failed > 0 || p.retries() != retries {
			t.Errorf("%d of 100 clients failed, %v attempts", failed, p.retries()-retries)
		}
	})
}

func TestAnEndpointHasNoMoreConnectionsThanItMay(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		p.install(leaf("a"), settled(&pushv1.PoolSettings{MaxConnectionsPerEndpoint: 3}, server(t, "a"), server(t, "b")))
		names := map[string]int{}
		var last *net.TCPConn
		for range 6 {
			conn, name := p.ask()
			names[name]++
			last = conn
		}
		if names["a"] != 3 || names["b"] != 3 {
			t.Errorf("%v, want three each", names)
		}
		for range 5 {
			p.wantReset()
		}
		eventually(t, "five are counted as endpoints_full", func() bool {
			return p.value("wye_proxy_connections_closed_total", outcome("a", "endpoints_full")) == 5
		})
		if p.retries() != 0 {
			t.Errorf("%v retries", p.retries())
		}
		last.Close()
		eventually(t, "there is room for one more", p.answers)
	})
}

func TestWhatIsFullGoesToAnotherArmWhereThatIsAsked(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		config := p.config(split(1, "a", 1, "b"), settled(&pushv1.PoolSettings{MaxConnectionsPerEndpoint: 1}, server(t, "a")), pool("b", server(t, "b")))
		config.Routes[0].OnUnavailable = pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE
		if refused := p.try(config); len(refused) > 0 {
			t.Fatal(refused)
		}
		names := map[string]int{}
		for range 10 {
			_, name := p.ask()
			names[name]++
		}
		if names["a"] != 1 || names["b"] != 9 {
			t.Errorf("%v, want one at a", names)
		}
	})
}

func TestMoreThanMayWaitAreRefused(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		p := start(t, plane, listener.Options{})
		config := p.config(leaf("a"), settled(&pushv1.PoolSettings{MaxPending: 2}, blackHole(t)))
		config.Routes[0].Timeouts = &pushv1.Timeouts{Connect: durationpb.New(2 * time.Second)}
		if refused := p.try(config); len(refused) > 0 {
			t.Fatal(refused)
		}
		first, second := p.dial(), p.dial()
		eventually(t, "both wait", func() bool { return p.value("wye_proxy_connections_active", armA()) == 2 })
		p.wantReset()
		eventually(t, "one is counted as too_many_pending", func() bool {
			return p.value("wye_proxy_connections_closed_total", outcome("a", "too_many_pending")) == 1
		})
		// Whoever waits in vain makes room.
		for _, conn := range []*net.TCPConn{first, second} {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client saw %v", err)
			}
		}
		p.install(leaf("a"), settled(&pushv1.PoolSettings{MaxPending: 2}, server(t, "a")))
		p.ask()
	})
}
