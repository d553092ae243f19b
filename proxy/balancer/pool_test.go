// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
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
		lease, ok := p.Pick(nil)
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
		counts := open(t, balancer.NewPool("p", targets(weights...), nil), 4000)
		for i, w := range weights {
			got, want := float64(counts[addr(i+1)]), 4000*w/weights[0]/sum
			if math.Abs(got-want) > 0.1*want {
				t.Errorf("weights %v: endpoint %d holds %v of 4000 connections, want about %v", weights, i, got, want)
			}
		}
	}
}

func TestTheLessLoadedOfTwoIsPicked(t *testing.T) {
	p := balancer.NewPool("p", targets(1, 1), nil)
	first, _ := p.Pick(nil)
	for range 100 {
		second, _ := p.Pick(nil)
		if second.Endpoint() == first.Endpoint() {
			t.Fatal("picked the endpoint that has a connection pending over one that has none")
		}
		second.Release()
	}
}

func TestAnEndpointThatWasTriedIsNotPickedAgain(t *testing.T) {
	p := balancer.NewPool("p", targets(1, 2, 3, 4, 5), nil)
	var tried []*balancer.Endpoint
	for range p.Len() {
		lease, ok := p.Pick(tried)
		if !ok {
			t.Fatalf("none left after %d of %d", len(tried), p.Len())
		}
		for _, e := range tried {
			if e == lease.Endpoint() {
				t.Fatalf("%s was picked twice", e.Addr())
			}
		}
		tried = append(tried, lease.Endpoint())
		lease.Release()
	}
	if lease, ok := p.Pick(tried); ok {
		t.Errorf("picked %s after every endpoint had been tried", lease.Endpoint().Addr())
	}
	if !p.Idle() {
		t.Error("load is left after every lease was released")
	}
}

func TestAnEmptyPoolHasNobody(t *testing.T) {
	if _, ok := balancer.NewPool("p", nil, nil).Pick(nil); ok {
		t.Error("picked an endpoint of an empty pool")
	}
}

func TestCountersOutliveChangesOfThePool(t *testing.T) {
	p := balancer.NewPool("p", targets(1), nil)
	held, _ := p.Pick(nil)
	held.Opened()

	// It leaves, and is retired while it has connections.
	p = balancer.NewPool("p", []balancer.Target{{Addr: addr(9), Weight: 1}}, p)
	if p.Retired() != 1 || p.Len() != 1 || p.Idle() {
		t.Fatalf("got %d retired of %d, idle %v, want 1 of 1 with load", p.Retired(), p.Len(), p.Idle())
	}
	// It comes back, through a pool in between, with its load.
	p = balancer.NewPool("p", nil, p)
	p = balancer.NewPool("p", targets(1, 1), p)
	if p.Retired() != 0 {
		t.Errorf("%d retired after all came back", p.Retired())
	}
	lease, _ := p.Pick(nil)
	if lease.Endpoint() == held.Endpoint() {
		t.Error("an endpoint that came back has lost its load")
	}
	lease.Release()

	// It leaves for good, and is forgotten when idle.
	p = balancer.NewPool("p", targets(), p)
	held.Release()
	if p.Retired() != 0 || !p.Idle() {
		t.Errorf("an idle endpoint is still retired")
	}
}

func TestLeaseIsReleasedOnce(t *testing.T) {
	p := balancer.NewPool("p", targets(1), nil)
	lease, _ := p.Pick(nil)
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
	p := balancer.NewPool("p", append(targets(1), targets(1)...), nil)
	if p.Len() != 1 {
		t.Errorf("%d endpoints, want 1", p.Len())
	}
}

func TestManyThreadsMayPick(t *testing.T) {
	p := balancer.NewPool("p", targets(1, 2, 3), nil)
	var threads sync.WaitGroup
	for range 8 {
		threads.Go(func() {
			for range 500 {
				lease, _ := p.Pick(nil)
				lease.Opened()
				lease.Release()
			}
		})
	}
	threads.Wait()
	if !p.Idle() {
		t.Error("load is left")
	}
}

func TestPickingAllocatesNothing(t *testing.T) {
	for _, p := range []*balancer.Pool{balancer.NewPool("even", targets(1, 1, 1), nil), balancer.NewPool("uneven", targets(1, 2, 3), nil)} {
		tried, _ := p.Pick(nil)
		list := []*balancer.Endpoint{tried.Endpoint()}
		if n := testing.AllocsPerRun(1000, func() {
			lease, _ := p.Pick(nil)
			lease.Opened()
			lease.Release()
			lease, _ = p.Pick(list)
			lease.Release()
		}); n != 0 {
			t.Errorf("%s: %v allocations per pick", p.Name(), n)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{1, 2, 10, 1000} {
		for _, kind := range []string{"even", "uneven"} {
			weights := make([]float64, n)
			for i := range weights {
				weights[i] = 1
				if kind == "uneven" {
					weights[i] = float64(i + 1)
				}
			}
			p := balancer.NewPool("p", targets(weights...), nil)
			b.Run(fmt.Sprintf("%s/endpoints=%d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						lease, _ := p.Pick(nil)
						lease.Release()
					}
				})
			})
		}
	}
}
