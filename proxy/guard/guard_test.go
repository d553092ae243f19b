// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/wye-dev/wye/proxy/flow"
)

func address(text string) netip.Addr { return netip.MustParseAddr(text) }

func TestNoLimitsNeedNoGuard(t *testing.T) {
	if g := New(Limits{BytesPerSecond: 1}, nil, nil); g != nil {
		t.Error("there is a guard where everybody may come")
	}
}

func TestTheCountsOfARouteAreThoseOfItsLimits(t *testing.T) {
	const a, sameNetwork, other, v4 = "2001:db8::1", "2001:db8::2:1", "2001:db8:0:1::1", "10.0.0.1"
	for _, test := range []struct {
		reason string
		limits Limits
		in     []string // who comes, and stays
		out    []flow.Outcome
	}{
		{"a route that is full", Limits{MaxConnections: 2}, []string{a, v4, v4}, []flow.Outcome{flow.Open, flow.Open, flow.RouteFull}},
		{"a client that has its share", Limits{MaxPerClient: 1}, []string{v4, v4, a}, []flow.Outcome{flow.Open, flow.ClientFull, flow.Open}},
		{"a /64 is one client", Limits{MaxPerClient: 1}, []string{a, sameNetwork, other}, []flow.Outcome{flow.Open, flow.ClientFull, flow.Open}},
		{"IPv4 is IPv4 however it is written", Limits{MaxPerClient: 1}, []string{v4, "::ffff:10.0.0.1", "10.0.0.2"}, []flow.Outcome{flow.Open, flow.ClientFull, flow.Open}},
		{"the client's share goes first", Limits{MaxConnections: 1, MaxPerClient: 1}, []string{v4, v4, a}, []flow.Outcome{flow.Open, flow.ClientFull, flow.RouteFull}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			g := New(test.limits, nil, nil)
			for range 3 { // whoever was refused has left no trace
				for i, client := range test.in {
					if got := g.Admit(address(client)); got != test.out[i] {
						t.Errorf("%s, number %d: %s", client, i+1, got)
					}
				}
				for i, client := range test.in {
					if test.out[i] == flow.Open {
						g.Leave(address(client))
					}
				}
			}
			if n := g.crowd.all.Load(); n != 0 {
				t.Errorf("%d are left", n)
			}
			for i := range g.crowd.clients {
				if n := len(g.crowd.clients[i].counts); n != 0 {
					t.Errorf("shard %d knows %d clients", i, n)
				}
			}
		})
	}
}

func TestOtherLimitsCountWhoIsThere(t *testing.T) {
	client := address("10.0.0.1")
	first := New(Limits{MaxConnections: 2}, nil, nil)
	first.Admit(client)
	first.Admit(client)

	second := New(Limits{MaxConnections: 2, MaxPerClient: 1}, nil, first)
	if got := second.Admit(client); got != flow.RouteFull {
		t.Errorf("with two there already: %s", got)
	}
	first.Leave(client)
	if got := second.Admit(client); got != flow.Open {
		t.Errorf("with one there: %s", got)
	}
	third := New(Limits{MaxPerClient: 1}, nil, second)
	if got := third.Admit(client); got != flow.ClientFull {
		t.Errorf("a client that was counted by the guard before: %s", got)
	}
	second.Leave(client)
	first.Leave(client)
	if got := third.Admit(client); got != flow.Open {
		t.Errorf("with nobody there: %s", got)
	}
	if fresh := New(Limits{}, &Access{}, third); fresh.crowd != nil {
		t.Error("without limits, connections are counted")
	}
}

func TestAccessIsDecidedBeforeNumbers(t *testing.T) {
	access, err := NewAccess([]string{"10.0.0.0/8"}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Limits{MaxConnections: 1}, access, nil)
	for range 3 {
		if got := g.Admit(address("192.0.2.1")); got != flow.AccessDenied {
			t.Errorf("a stranger: %s", got)
		}
	}
	if got := g.Admit(address("10.1.1.1")); got != flow.Open {
		t.Errorf("strangers have taken the place of others: %s", got)
	}
}

func TestAuditLetsIn(t *testing.T) {
	access, err := NewAccess(nil, []string{"10.0.0.0/8"}, true)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Limits{}, access, nil)
	for client, want := range map[string]bool{"10.1.1.1": true, "192.0.2.1": false} {
		if got, audited := g.Admit(address(client)), g.Audited(address(client)); got != flow.Open || audited != want {
			t.Errorf("%s: %s, audited %t", client, got, audited)
		}
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	const each, limit = 5000, 3
	g := New(Limits{MaxConnections: 1 << 30, MaxPerClient: limit}, nil, nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range each {
				client := netip.AddrFrom4([4]byte{10, byte(i % 2), byte(n >> 8), byte(n)})
				if got := g.Admit(client); got == flow.Open {
					defer g.Leave(client)
				}
			}
		})
	}
	all.Wait()
	if n := g.crowd.all.Load(); n != 0 {
		t.Errorf("%d are left", n)
	}
	for i := range g.crowd.clients {
		if s := &g.crowd.clients[i]; len(s.counts) != 0 || s.most > smallShard {
			t.Errorf("shard %d has %d clients, and room for %d", i, len(s.counts), s.most)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	var cidrs []string
	for i := range 1000 {
		cidrs = append(cidrs, fmt.Sprintf("10.%d.%d.0/24", i/256, i%256))
	}
	access, err := NewAccess(cidrs, cidrs[:500], false)
	if err != nil {
		b.Fatal(err)
	}
	client := address("10.3.200.77")
	for name, g := range map[string]*Guard{
		"access":  New(Limits{}, access, nil),
		"clients": New(Limits{MaxPerClient: 10}, nil, nil),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := g.Admit(client); got != flow.Open {
					b.Fatal(got)
				}
				g.Leave(client)
			}
		})
	}
}
