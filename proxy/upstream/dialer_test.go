// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"context"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/router"
	"github.com/wye-dev/wye/proxy/upstream"
)

func addr(last byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, last}), 7)
}

func pool(n int) *balancer.Pool {
	var targets []balancer.Target
	for i := range n {
		targets = append(targets, balancer.Target{Addr: addr(byte(i + 1)), Weight: 1})
	}
	return balancer.NewPool(balancer.Form{Name: "p", Targets: targets}, nil)
}

// network answers attempts to connect, in virtual time.
type network struct {
	answers map[netip.AddrPort]bool // endpoints that accept at once; all others do what otherwise says
	silent  bool                    // the others never answer; else they refuse
	dialled []netip.AddrPort
}

func (n *network) dial(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	n.dialled = append(n.dialled, to)
	switch {
	case n.answers[to]:
		return nil, nil
	case n.silent:
		<-ctx.Done()
		return nil, ctx.Err()
	default:
		return nil, syscall.ECONNREFUSED
	}
}

// connection is one that a search was made for.
type connection struct {
	search upstream.Search
	link   upstream.Link
}

func connect(ctx context.Context, n *network, p *balancer.Pool, timeouts plan.Timeouts) (*connection, flow.Outcome) {
	d := &upstream.Dialer{}
	if n != nil {
		d.Dial = n.dial
	}
	var c connection
	var outcome flow.Outcome
	guest := upstream.Guest{Listener: "tcp/1", Route: route(p, timeouts), Accepted: time.Now()}
	c.link, outcome = d.Connect(ctx, &c.search, c.search.Begin(metrics.New(nil), guest), nil)
	return &c, outcome
}

// route sends everything to one pool.
func route(p *balancer.Pool, timeouts plan.Timeouts) *plan.Route {
	one := router.Shares{Arms: []router.Arm{{Leaf: router.Leaf{Arm: "a", Pool: p.Name()}, Share: big.NewRat(1, 1)}}, Nowhere: new(big.Rat)}
	return &plan.Route{Name: "ns/r", Timeouts: timeouts, Chooser: router.NewChooser(one), Pools: []*plan.Pool{{Pool: p}}}
}

func TestEveryEndpointIsTriedOnceUntilOneAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{answers: map[netip.AddrPort]bool{addr(4): true}}
		for range 20 {
			n.dialled = nil
			c, outcome := connect(t.Context(), n, pool(5), plan.Timeouts{Connect: 5 * time.Second})
			if outcome != flow.Open || c.search.Lease.Endpoint().Addr() != addr(4) || c.search.Dials != len(n.dialled) || c.search.Err != nil {
				t.Fatalf("outcome %s, %d dials, after dialling %v", outcome, c.search.Dials, n.dialled)
			}
			seen := map[netip.AddrPort]bool{}
			for _, a := range n.dialled {
				if seen[a] {
					t.Fatalf("tried twice: %v", n.dialled)
				}
				seen[a] = true
			}
		}
	})
}

func TestFailureSaysWhy(t *testing.T) {
	for _, test := range []struct {
		reason  string
		network network
		size    int
		want    flow.Outcome
		dials   int
		takes   time.Duration // at most
	}{
		{"an empty pool has nobody", network{}, 0, flow.NoEndpoints, 0, 0},
		{"one endpoint that refuses", network{}, 1, flow.ConnectFailed, 1, 0},
		{"all endpoints refuse", network{}, 3, flow.ConnectFailed, 3, 0},
		{"a large pool is not searched in a burst", network{}, 1000, flow.ConnectTimeout, 102, 5 * time.Second},
		{"one endpoint that is silent has all the time", network{silent: true}, 1, flow.ConnectTimeout, 1, 5 * time.Second},
		{"two share the time", network{silent: true}, 2, flow.ConnectTimeout, 2, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			c, outcome := connect(t.Context(), &test.network, pool(test.size), plan.Timeouts{Connect: 5 * time.Second})
			if outcome != test.want || c.search.Dials != test.dials {
				t.Errorf("%s: outcome %s after %d dials, want %s after %d", test.reason, outcome, c.search.Dials, test.want, test.dials)
			}
			if took := time.Since(began); took > test.takes {
				t.Errorf("%s: took %s, want at most %s", test.reason, took, test.takes)
			}
			if test.dials > 0 && c.search.Err == nil {
				t.Errorf("%s: the account has no error", test.reason)
			}
		})
	}
}

func TestABlackHoleLeavesTimeForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			n := &network{answers: map[netip.AddrPort]bool{addr(3): true}, silent: true}
			c, outcome := connect(t.Context(), n, pool(6), plan.Timeouts{Connect: 5 * time.Second})
			if outcome != flow.Open {
				t.Fatalf("outcome %s after %d dials: the silent endpoints took all the time", outcome, c.search.Dials)
			}
		}
	})
}

func TestAnAttemptEndsWithItsOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{silent: true}
		began := time.Now()
		c, outcome := connect(t.Context(), n, pool(2), plan.Timeouts{Connect: time.Minute, Attempt: 500 * time.Millisecond})
		if outcome != flow.ConnectFailed || c.search.Dials != 2 {
			t.Errorf("outcome %s after %d dials", outcome, c.search.Dials)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("two attempts took %s, want 1s", took)
		}
	})
}

func TestWhatThisMachineLacksIsNoFailureOfAnEndpoint(t *testing.T) {
	for _, test := range []struct {
		err error
		out int
	}{{syscall.ECONNREFUSED, 1}, {syscall.ETIMEDOUT, 1}, {syscall.EHOSTUNREACH, 1}, {syscall.EMFILE, 0}, {&net.OpError{Err: syscall.EADDRNOTAVAIL}, 0}} {
		p := balancer.NewPool(balancer.Form{
			Name: "p", Targets: []balancer.Target{{Addr: addr(1), Weight: 1}},
			Guard: balancer.Guard{Accrual: balancer.Accrual{Failures: 1, MinPenalty: time.Second, MaxPenalty: time.Second}},
		}, nil)
		d := &upstream.Dialer{Dial: func(context.Context, netip.AddrPort) (*net.TCPConn, error) { return nil, test.err }}
		var s upstream.Search
		guest := upstream.Guest{Listener: "tcp/1", Route: route(p, plan.Timeouts{Connect: time.Second}), Accepted: time.Now()}
		_, outcome := d.Connect(t.Context(), &s, s.Begin(metrics.New(nil), guest), nil)
		if c := p.Census(); c.Ejected != test.out || outcome != flow.ConnectFailed {
			t.Errorf("%v: %s, %+v", test.err, outcome, c)
		}
	}
}

func TestAFailedAttemptLeavesNoLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pool(3)
		connect(t.Context(), &network{}, p, plan.Timeouts{Connect: time.Second})
		if !p.Idle() {
			t.Error("load is left")
		}
	})
}

func TestDialingEndsWithTheProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, outcome := connect(ctx, &network{silent: true}, pool(3), plan.Timeouts{Connect: time.Hour})
		if took := time.Since(began); outcome != flow.DrainDeadline || took != time.Second {
			t.Errorf("outcome %s after %s, want drain_deadline after 1s", outcome, took)
		}
	})
}

func TestConnectOverLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	p := balancer.NewPool(balancer.Form{Name: "p", Targets: []balancer.Target{{Addr: to, Weight: 1}}}, nil)
	timeouts := plan.Timeouts{Connect: time.Minute}
	c, outcome := connect(t.Context(), nil, p, timeouts)
	if outcome != flow.Open {
		t.Fatalf("outcome %s: %v", outcome, c.search.Err)
	}
	defer c.link.TCP.Close()
	if c.search.Lease.Endpoint().Addr() != to || p.Idle() {
		t.Error("want a lease of the endpoint")
	}
	c.search.Lease.Release()
	l.Close()
	if c, outcome = connect(t.Context(), nil, p, timeouts); outcome != flow.ConnectFailed || !errors.Is(c.search.Err, syscall.ECONNREFUSED) {
		t.Errorf("outcome %s, %v, want connect_failed", outcome, c.search.Err)
	}
}
