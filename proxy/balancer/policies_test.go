// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
)

func policies() map[string]balancer.Policy {
	return map[string]balancer.Policy{
		"P2C": balancer.P2C, "RoundRobin": balancer.RoundRobin,
		"LeastConnections": balancer.LeastConnections, "ConsistentHash": balancer.ConsistentHash,
	}
}

// pool of a policy, with one endpoint per weight.
func pool(policy balancer.Policy, weights ...float64) *balancer.Pool {
	return balancer.NewPool(balancer.Form{Name: "p", Targets: targets(weights...), Policy: policy}, nil)
}

// client is one of 65536, in IPv4.
func client(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }

// pick takes an endpoint and gives it back at once.
func pick(t *testing.T, p *balancer.Pool, a balancer.Ask) *balancer.Endpoint {
	t.Helper()
	lease, ok := p.Pick(a)
	if !ok {
		t.Fatal("no endpoint")
	}
	defer lease.Release()
	return lease.Endpoint()
}

func TestEveryPolicyTriesEachEndpointOnce(t *testing.T) {
	for name, policy := range policies() {
		for _, weights := range [][]float64{{1}, {1, 1, 1, 1, 1}, {1, 2, 3, 4, 5}, {1e-300, 1, 1e300}} {
			p := pool(policy, weights...)
			var tried []*balancer.Endpoint
			for range weights {
				e := pick(t, p, balancer.Ask{Tried: tried, Client: client(1)})
				if slices.Contains(tried, e) {
					t.Fatalf("%s %v: %s was picked twice", name, weights, e.Addr())
				}
				tried = append(tried, e)
			}
			if lease, ok := p.Pick(balancer.Ask{Tried: tried, Client: client(1)}); ok {
				t.Errorf("%s %v: picked %s after every endpoint had been tried", name, weights, lease.Endpoint().Addr())
			}
			if !p.Idle() {
				t.Errorf("%s %v: load is left", name, weights)
			}
		}
		if _, ok := pool(policy).Pick(balancer.Ask{Client: client(1)}); ok {
			t.Errorf("%s: picked an endpoint of an empty pool", name)
		}
	}
}

func TestManyThreadsMayPickByEveryPolicy(t *testing.T) {
	for name, policy := range policies() {
		old := pool(policy, 1, 2, 3)
		form := balancer.Form{
			Name: "p", Policy: policy, Targets: targets(1, 2, 3, 4), SlowStart: time.Minute, Now: time.Unix(1, 0),
		}
		if policy == balancer.ConsistentHash {
			form.SlowStart = 0
		}
		p := balancer.NewPool(form, old)
		var threads sync.WaitGroup
		for thread := range 8 {
			from := []*balancer.Pool{old, p}[thread%2]
			threads.Go(func() {
				for i := range 500 {
					lease, ok := from.Pick(balancer.Ask{Client: client(i), Now: time.Unix(int64(i%90), 0)})
					if !ok {
						t.Errorf("%s: no endpoint", name)
						return
					}
					lease.Opened()
					lease.Release()
				}
			})
		}
		threads.Wait()
		if !p.Idle() {
			t.Errorf("%s: load is left", name)
		}
	}
}

func TestPickingAllocatesNothing(t *testing.T) {
	for name, policy := range policies() {
		for _, weights := range [][]float64{{1, 1, 1}, {1, 2, 3}} {
			form := balancer.Form{Name: "p", Policy: policy, Targets: targets(weights...), SlowStart: time.Hour, Now: time.Unix(1, 0)}
			p := balancer.NewPool(form, pool(policy, weights[0]))
			a := balancer.Ask{Client: client(1), Now: time.Unix(2, 0)}
			again := a
			again.Tried = []*balancer.Endpoint{pick(t, p, a)}
			if n := testing.AllocsPerRun(1000, func() {
				lease, _ := p.Pick(a)
				lease.Opened()
				lease.Release()
				lease, _ = p.Pick(again)
				lease.Release()
			}); n != 0 {
				t.Errorf("%s %v: %v allocations per pick", name, weights, n)
			}
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for name, policy := range policies() {
		for _, kind := range []string{"even", "uneven"} {
			for _, n := range []int{1, 2, 10, 100, 1000} {
				weights := make([]float64, n)
				for i := range weights {
					weights[i] = 1
					if kind == "uneven" {
						weights[i] = float64(i + 1)
					}
				}
				p := pool(policy, weights...)
				b.Run(fmt.Sprintf("%s/%s/endpoints=%d", name, kind, n), func(b *testing.B) {
					b.ReportAllocs()
					b.RunParallel(func(pb *testing.PB) {
						for i := 0; pb.Next(); i++ {
							lease, _ := p.Pick(balancer.Ask{Client: client(i)})
							lease.Release()
						}
					})
				})
			}
		}
	}
}

// BenchmarkNewPool shows what a change of a pool costs.
func BenchmarkNewPool(b *testing.B) {
	weights := make([]float64, 100)
	for i := range weights {
		weights[i] = float64(i%7 + 1)
	}
	for name, policy := range policies() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p := pool(policy, weights...)
			for b.Loop() {
				p = balancer.NewPool(balancer.Form{Policy: policy, Targets: targets(weights...)}, p)
			}
		})
	}
}
