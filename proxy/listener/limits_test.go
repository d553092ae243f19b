// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/guard"
	"github.com/wye-dev/wye/proxy/listener"
)

// guarded serves pools on a route with limits and access.
func guarded(t *testing.T, plane plane, limits *pushv1.RouteLimits, access *pushv1.Access, pools ...*pushv1.Pool) *proxy {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.guard(limits, access, pools...)
	return p
}

func (p *proxy) guard(limits *pushv1.RouteLimits, access *pushv1.Access, pools ...*pushv1.Pool) {
	p.t.Helper()
	config := p.config(leaf("a"), pools...)
	config.Routes[0].Limits, config.Routes[0].Access = limits, access
	if refused := p.try(config); len(refused) > 0 {
		p.t.Fatal(describe(refused))
	}
}

// closed is how many connections have ended in a way.
func (p *proxy) closed(o flow.Outcome) float64 {
	return p.value("wye_proxy_connections_closed_total", map[string]string{"route": "ns/route", "outcome": o.String()})
}

// left waits until no more than so many connections are left.
func (p *proxy) left(connections float64) {
	p.t.Helper()
	eventually(p.t, "connections have ended", func() bool { return p.value("wye_proxy_connections_active", nil) <= connections })
}

// dialFrom connects from an address of this machine.
func (p *proxy) dialFrom(address string) *net.TCPConn {
	p.t.Helper()
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)},
		// Else no test could listen on the port that this takes, for a minute.
		Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		},
	}
	to, err := dialer.Dial("tcp", netip.AddrPortFrom(loopback(), p.port).String())
	if err != nil {
		p.t.Fatal(err)
	}
	conn := to.(*net.TCPConn)
	p.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func TestARouteThatIsFullResets(t *testing.T) { onEveryPlane(t, testARouteThatIsFullResets) }

func testARouteThatIsFullResets(t *testing.T, plane plane) {
	t.Helper()
	p := guarded(t, plane, &pushv1.RouteLimits{MaxConnections: 2}, nil, pool("a", server(t, "a")))
	first, _ := p.ask()
	p.ask()
	for range 3 {
		p.wantReset()
	}
	eventually(t, "they are counted", func() bool { return p.closed(flow.RouteFull) == 3 })
	first.Close()
	p.left(1)
	p.ask()
	p.wantReset()
	// More room is had at once, and who was there counts.
	p.guard(&pushv1.RouteLimits{MaxConnections: 3}, nil, pool("a", server(t, "a")))
	p.ask()
	p.wantReset()
}

func TestAClientThatHasItsShareIsReset(t *testing.T) {
	onEveryPlane(t, testAClientThatHasItsShareIsReset)
}

func testAClientThatHasItsShareIsReset(t *testing.T, plane plane) {
	t.Helper()
	p := guarded(t, plane, &pushv1.RouteLimits{MaxConnectionsPerClient: 1}, nil, pool("a", server(t, "a")))
	first, _ := p.ask()
	p.wantReset()
	eventually(t, "it is counted", func() bool { return p.closed(flow.ClientFull) == 1 })
	p.hear(p.dialFrom("127.0.0.2"))
	first.Close()
	p.left(1)
	p.ask()
}

func TestWhoReachedNobodyTakesNoRoom(t *testing.T) { onEveryPlane(t, testWhoReachedNobodyTakesNoRoom) }

func testWhoReachedNobodyTakesNoRoom(t *testing.T, plane plane) {
	t.Helper()
	limits := &pushv1.RouteLimits{MaxConnections: 1, MaxConnectionsPerClient: 1}
	for reason, nowhere := range map[string]*pushv1.Pool{"no endpoints": pool("a"), "endpoints that refuse": pool("a", closed(t), closed(t))} {
		p := guarded(t, plane, limits, nil, nowhere)
		for range 5 {
			p.wantReset()
			p.left(0)
		}
		if full := p.closed(flow.ClientFull) + p.closed(flow.RouteFull); full != 0 {
			t.Errorf("%s: %v connections were refused for others before them", reason, full)
		}
		p.guard(limits, nil, pool("a", server(t, "a")))
		p.ask()
	}
}

func TestAccessIsDecidedBeforeAnyoneIsDialled(t *testing.T) {
	onEveryPlane(t, testAccessIsDecidedBeforeAnyoneIsDialled)
}

func testAccessIsDecidedBeforeAnyoneIsDialled(t *testing.T, plane plane) {
	t.Helper()
	deny := &pushv1.Access{Deny: []string{"127.0.0.1/32"}}
	p := guarded(t, plane, nil, deny, pool("a", closed(t)))
	p.wantReset()
	eventually(t, "it is counted", func() bool { return p.closed(flow.AccessDenied) == 1 })
	if tried := p.closed(flow.ConnectFailed); tried != 0 {
		t.Errorf("an endpoint was dialled %v times", tried)
	}

	up := pool("a", server(t, "a"))
	p.guard(nil, deny, up)
	p.hear(p.dialFrom("127.0.0.2"))
	p.guard(nil, &pushv1.Access{Allow: []string{"127.0.0.0/8"}}, up)
	established, _ := p.ask()

	// What has changed is for those who come.
	p.guard(nil, &pushv1.Access{Allow: []string{"10.0.0.0/8"}}, up)
	p.wantReset()
	if _, err := established.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := p.hear(established); got != "x" {
		t.Errorf("an established connection answers %q", got)
	}
}

func TestAuditOnlyCounts(t *testing.T) { onEveryPlane(t, testAuditOnlyCounts) }

func testAuditOnlyCounts(t *testing.T, plane plane) {
	t.Helper()
	p := guarded(t, plane, nil, &pushv1.Access{Deny: []string{"127.0.0.1/32"}, Audit: true}, pool("a", server(t, "a")))
	for range 3 {
		p.ask()
	}
	p.hear(p.dialFrom("127.0.0.2"))
	if audited := p.value("wye_proxy_access_audited_total", armA()); audited != 3 {
		t.Errorf("%v were counted, want 3", audited)
	}
	if refused := p.closed(flow.AccessDenied); refused != 0 {
		t.Errorf("%v were refused", refused)
	}
}

func TestAPortAtItsRateLetsOthersWait(t *testing.T) {
	onEveryPlane(t, testAPortAtItsRateLetsOthersWait)
}

func testAPortAtItsRateLetsOthersWait(t *testing.T, plane plane) {
	t.Helper()
	const rate, late = 20, 10
	p := start(t, plane, listener.Options{})
	config := p.config(leaf("a"), pool("a", server(t, "a")))
	config.Listeners[0].AcceptRate = rate
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	began := time.Now()
	var all sync.WaitGroup
	for range rate + late {
		conn := p.dial()
		all.Go(func() {
			if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
				t.Errorf("somebody who had to wait: %v", err)
			}
		})
	}
	all.Wait()
	if took, least := time.Since(began), time.Second*late/rate*9/10; took < least {
		t.Errorf("%d were let in within %s, want at least %s", rate+late, took, least)
	}
	paused := map[string]string{"listener": "tcp/1", "reason": "accept_rate"}
	if p.value("wye_proxy_accept_pauses_total", paused) == 0 || p.value("wye_proxy_accept_paused_seconds_total", paused) == 0 {
		t.Error("no pause was counted")
	}

	// Without the limit nobody waits.
	config.Listeners[0].AcceptRate = 0
	p.try(config)
	for range 2 * rate {
		p.ask()
	}
}

func TestLimitsOfAPortChangeWhileItIsOpen(t *testing.T) {
	onEveryPlane(t, testLimitsOfAPortChangeWhileItIsOpen)
}

func testLimitsOfAPortChangeWhileItIsOpen(t *testing.T, plane plane) {
	t.Helper()
	var log lockedBuilder
	p := start(t, plane, listener.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	config := p.config(leaf("a"), pool("a", server(t, "a")))
	install := func(most uint32) {
		config.Listeners[0].MaxConnections = most
		if refused := p.try(config); len(refused) > 0 {
			t.Fatal(describe(refused))
		}
	}
	install(1)
	p.ask()
	waiting := p.dial()
	full := map[string]string{"listener": "tcp/1", "reason": "max_connections"}
	eventually(t, "the pause is counted", func() bool { return p.value("wye_proxy_accept_pauses_total", full) == 1 })
	install(2)
	p.hear(waiting)
	another := p.dial()
	install(0)
	p.hear(another)
	if n := strings.Count(log.String(), "msg=listening"); n != 1 {
		t.Errorf("the port was opened %d times, want once", n)
	}
}

func TestAConnectionKeepsItsBytesPerSecond(t *testing.T) {
	onEveryPlane(t, testAConnectionKeepsItsBytesPerSecond)
}

func testAConnectionKeepsItsBytesPerSecond(t *testing.T, plane plane) {
	t.Helper()
	for _, test := range []struct {
		reason string
		rate   uint64
		size   int64
	}{
		{"little by little", 64 << 10, 96 << 10},
		{"what is spliced", 4 << 20, 6 << 20},
	} {
		t.Run(test.reason, func(t *testing.T) {
			least := time.Duration(float64(test.size-int64(test.rate)) / float64(test.rate) * float64(time.Second))
			r := relayOver(t, plane, limits{BytesPerSecond: test.rate})
			began := time.Now()
			exchange(t, test.size, r.client, r.backend)
			if took := time.Since(began); took < least*9/10 || took > patience {
				t.Errorf("in the clear it took %s, want %s", took, least)
			}
			r.ends(flow.Completed)

			s := endTLS(t, plane)
			s.plan.Routes["ns/route"].BytesPerSecond = test.rate
			s.set.Install(s.plan)
			client, backend := s.connect()
			began = time.Now()
			exchange(t, test.size, client, backend)
			if took := time.Since(began); took < least*9/10 || took > patience {
				t.Errorf("in TLS it took %s, want %s", took, least)
			}
			s.ended(flow.Completed)
		})
	}
}

func TestAPacedConnectionEndsWhenItIsToldTo(t *testing.T) {
	onEveryPlane(t, testAPacedConnectionEndsWhenItIsToldTo)
}

func testAPacedConnectionEndsWhenItIsToldTo(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{BytesPerSecond: 1, Lifetime: 200 * time.Millisecond})
	if _, err := r.client.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	r.ends(flow.LifetimeExceeded)
}

func TestTheDoorIsBeforeTheHandshake(t *testing.T) { onEveryPlane(t, testTheDoorIsBeforeTheHandshake) }

func testTheDoorIsBeforeTheHandshake(t *testing.T, plane plane) {
	t.Helper()
	s := endTLS(t, plane)
	bar := func(limits guard.Limits, deny ...string) {
		access, err := guard.NewAccess(nil, deny, false)
		if err != nil {
			t.Fatal(err)
		}
		s.plan.Routes["ns/route"].Guard = guard.New(limits, access, nil)
		s.set.Install(s.plan)
	}
	bar(guard.Limits{}, "127.0.0.1/32")
	s.wantReset()
	s.ended(flow.AccessDenied)

	// Who does not even begin with TLS takes a place, and gives it back.
	bar(guard.Limits{MaxPerClient: 1})
	const many = 4
	var silent []net.Conn
	for range many {
		conn, err := net.Dial("tcp", netip.AddrPortFrom(loopback(), s.port).String())
		if err == nil { // not reset at once
			silent = append(silent, conn)
		}
	}
	eventually(t, "all others are refused", func() bool { return s.closed(flow.ClientFull) == many-1 })
	for _, conn := range silent {
		conn.Close()
	}
	s.ended(flow.HandshakeFailed)
	for range 2 {
		client, backend := s.connect()
		exchange(t, 1000, client, backend)
		s.left(0)
	}
}
