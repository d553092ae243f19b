// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"math"
	"net/netip"
	"testing"

	"github.com/wye-dev/wye/proxy/balancer"
)

func TestLeastConnectionsKeepsLoadsInProportionToWeights(t *testing.T) {
	weights := []float64{4, 2, 1, 1}
	p := pool(balancer.LeastConnections, weights...)
	held := map[netip.AddrPort]float64{}
	for n := 1.0; n <= 400; n++ {
		lease, _ := p.Pick(balancer.Ask{})
		lease.Opened()
		held[lease.Endpoint().Addr()]++
		for i, w := range weights {
			if off := held[addr(i+1)] - n*w/8; math.Abs(off) > 2 {
				t.Fatalf("endpoint %d is off by %v with %v connections", i, off, n)
			}
		}
	}
}

func TestLeastConnectionsFillsUpWhoHasFewest(t *testing.T) {
	p := pool(balancer.LeastConnections, 1, 1, 1)
	held := map[netip.AddrPort][]balancer.Lease{}
	for range 30 {
		lease, _ := p.Pick(balancer.Ask{})
		held[lease.Endpoint().Addr()] = append(held[lease.Endpoint().Addr()], lease)
	}
	for i := range held[addr(2)] {
		held[addr(2)][i].Release()
	}
	for n := range 10 {
		if lease, _ := p.Pick(balancer.Ask{}); lease.Endpoint().Addr() != addr(2) {
			t.Fatalf("connection %d went to %s, want the one that lost its ten", n, lease.Endpoint().Addr())
		}
	}
}

func TestLeastConnectionsDrawsAmongEquals(t *testing.T) {
	for _, weights := range [][]float64{{1, 1, 1, 1}, {1, 2, 3, 4}} {
		if got := rounds(t, pool(balancer.LeastConnections, weights...), 2000); len(got) != 4 {
			t.Errorf("weights %v: only %d of 4 idle endpoints had connections", weights, len(got))
		}
	}
}
