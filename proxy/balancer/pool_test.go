// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"math"
	"net/netip"
	"testing"

	"github.com/wye-dev/wye/proxy/balancer"
)

// targets makes one per weight, at 127.0.0.1, ports 1, 2, 3 and so on.
func targets(weights ...float64) []balancer.Target {
	var ts []balancer.Target
	for i, w := range weights {
		ts = append(ts, balancer.Target{Addr: addr(i + 1), Weight: w})
	}
	return ts
}

func addr(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}

// open takes n connections and keeps them.
func open(t *testing.T, p *balancer.Pool, n int) map[netip.AddrPort]int {
	t.Helper()
	counts := map[netip.AddrPort]int{}
	for range n {
		lease, ok := p.Pick(balancer.Ask{})
		if !ok {
			t.Fatal("no endpoint")
		}
		lease.Opened()
		counts[lease.Endpoint().Addr()]++
	}
	return counts
}

func TestOpenConnectionsSettleInProportionToWeights(t *testing.T) {
	for _, weights := range [][]float64{{1, 1}, {1, 1, 1, 1, 1}, {3, 1}, {10, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {0.5, 0.25, 0.25}, {1e308, 1e308, 1e307}} {
		sum := 0.0
		for _, w := range weights {
			sum += w / weights[0]
		}
		counts := open(t, balancer.NewPool(balancer.Form{Name: "p", Targets: targets(weights...)}, nil), 4000)
		for i, w := range weights {
			got, want := float64(counts[addr(i+1)]), 4000*w/weights[0]/sum
			if math.Abs(got-want) > 0.1*want {
				t.Errorf("weights %v: endpoint %d holds %v of 4000 connections, want about %v", weights, i, got, want)
			}
		}
	}
}

func TestTheLessLoadedOfTwoIsPicked(t *testing.T) {
	p := balancer.NewPool(balancer.Form{Name: "p", Targets: targets(1, 1)}, nil)
	first, _ := p.Pick(balancer.Ask{})
	for range 100 {
		second, _ := p.Pick(balancer.Ask{})
		if second.Endpoint() == first.Endpoint() {
			t.Fatal("picked the endpoint that has a connection pending over one that has none")
		}
		second.Release()
	}
}

func TestCountersOutliveChangesOfThePool(t *testing.T) {
	p := balancer.NewPool(balancer.Form{Name: "p", Targets: targets(1)}, nil)
	held, _ := p.Pick(balancer.Ask{})
	held.Opened()

	// It leaves, and is retired while it has connections.
	p = balancer.NewPool(balancer.Form{Name: "p", Targets: []balancer.Target{{Addr: addr(9), Weight: 1}}}, p)
	if p.Retired() != 1 || p.Len() != 1 || p.Idle() {
		t.Fatalf("got %d retired of %d, idle %v, want 1 of 1 with load", p.Retired(), p.Len(), p.Idle())
	}
	// It comes back, through a pool in between, with its load.
	p = balancer.NewPool(balancer.Form{Name: "p"}, p)
	p = balancer.NewPool(balancer.Form{Name: "p", Targets: targets(1, 1)}, p)
	if p.Retired() != 0 {
		t.Errorf("%d retired after all came back", p.Retired())
	}
	lease, _ := p.Pick(balancer.Ask{})
	if lease.Endpoint() == held.Endpoint() {
		t.Error("an endpoint that came back has lost its load")
	}
	lease.Release()

	// It leaves for good, and is forgotten when idle.
	p = balancer.NewPool(balancer.Form{Name: "p", Targets: targets()}, p)
	held.Release()
	if p.Retired() != 0 || !p.Idle() {
		t.Errorf("an idle endpoint is still retired")
	}
}

func TestLeaseIsReleasedOnce(t *testing.T) {
	p := balancer.NewPool(balancer.Form{Name: "p", Targets: targets(1)}, nil)
	lease, _ := p.Pick(balancer.Ask{})
	e := lease.Endpoint()
	lease.Opened()
	lease.Opened()
	if e.Load() != 1 {
		t.Errorf("load %d, want 1", e.Load())
	}
	lease.Release()
	lease.Release()
	if e.Load() != 0 {
		t.Errorf("load %d, want 0", e.Load())
	}
}

func TestAnAddressListedTwiceCountsOnce(t *testing.T) {
	p := balancer.NewPool(balancer.Form{Name: "p", Targets: append(targets(1), targets(1)...)}, nil)
	if p.Len() != 1 {
		t.Errorf("%d endpoints, want 1", p.Len())
	}
}
