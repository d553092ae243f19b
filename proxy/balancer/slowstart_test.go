// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
)

// joined is a pool of four whose last endpoint came at time 0 of a slow start of 100 s.
func joined(policy balancer.Policy) *balancer.Pool {
	old := balancer.NewPool(balancer.Form{Policy: policy, Targets: targets(1, 1, 1), SlowStart: 100 * time.Second}, nil)
	return balancer.NewPool(balancer.Form{
		Policy: policy, Targets: targets(1, 1, 1, 1), SlowStart: 100 * time.Second, Now: time.Unix(0, 0),
	}, old)
}

// After so many seconds the new endpoint has that part of the share of the others.
var growth = map[int64]float64{-5: 0.1, 0: 0.1, 50: 0.55, 90: 0.91, 100: 1, 1000: 1}

func TestRoundRobinGivesANewEndpointAGrowingPart(t *testing.T) {
	for second, part := range growth {
		p := joined(balancer.RoundRobin)
		counts := map[netip.AddrPort]int{}
		for range 3100 {
			counts[pick(t, p, balancer.Ask{Now: time.Unix(second, 0)}).Addr()]++
		}
		if want := 3100 * part / (3 + part); math.Abs(float64(counts[addr(4)])-want) > 2 {
			t.Errorf("after %d s the new endpoint had %d of 3100 connections, want %v", second, counts[addr(4)], want)
		}
		for i := range 3 {
			if want := 3100 / (3 + part); math.Abs(float64(counts[addr(i+1)])-want) > 3100/4*(1-part)/2+2 {
				t.Errorf("after %d s endpoint %d had %d of 3100 connections, want about %v", second, i, counts[addr(i+1)], want)
			}
		}
	}
}

func TestLeastConnectionsCountsANewEndpointAsLighter(t *testing.T) {
	for second, part := range growth {
		p := joined(balancer.LeastConnections)
		counts := map[netip.AddrPort]float64{}
		for range 3100 {
			lease, _ := p.Pick(balancer.Ask{Now: time.Unix(second, 0)})
			lease.Opened()
			counts[lease.Endpoint().Addr()]++
		}
		if want := 3100 * part / (3 + part); math.Abs(counts[addr(4)]-want) > 2 {
			t.Errorf("after %d s the new endpoint holds %v of 3100 connections, want %v", second, counts[addr(4)], want)
		}
	}
}

// All endpoints but the new one are loaded, so of two drawn it is always the better,
// and takes exactly its part of what it is offered.
func TestP2CGivesANewEndpointAGrowingPart(t *testing.T) {
	for second, part := range growth {
		old := balancer.NewPool(balancer.Form{Targets: targets(1), SlowStart: 100 * time.Second}, nil)
		p := balancer.NewPool(balancer.Form{Targets: targets(1, 1), SlowStart: 100 * time.Second, Now: time.Unix(0, 0)}, old)
		for range 5 {
			lease, _ := p.Pick(balancer.Ask{Now: time.Unix(0, 0)})
			for lease.Endpoint().Addr() == addr(2) { // only the old one keeps its load
				lease.Release()
				lease, _ = p.Pick(balancer.Ask{Now: time.Unix(0, 0)})
			}
		}
		taken := 0
		for range 1000 {
			if pick(t, p, balancer.Ask{Now: time.Unix(second, 0)}).Addr() == addr(2) {
				taken++
			}
		}
		if math.Abs(float64(taken)-1000*part) > 1 {
			t.Errorf("after %d s the new endpoint took %d of 1000 connections, want %v", second, taken, 1000*part)
		}
	}
}

func TestWhoStartsTogetherStartsAtOnce(t *testing.T) {
	now := time.Unix(0, 0)
	form := func(targets []balancer.Target) balancer.Form {
		return balancer.Form{Policy: balancer.RoundRobin, Targets: targets, SlowStart: time.Hour, Now: now}
	}
	for what, p := range map[string]*balancer.Pool{
		"a new pool":                     balancer.NewPool(form(targets(1, 1)), nil),
		"a pool that was empty":          balancer.NewPool(form(targets(1, 1)), balancer.NewPool(form(nil), nil)),
		"a pool with all others than it": balancer.NewPool(form(targets(1, 1)), balancer.NewPool(form(targets(1, 1, 1)[2:]), nil)),
	} {
		counts := map[netip.AddrPort]int{}
		for range 10 {
			counts[pick(t, p, balancer.Ask{Now: now}).Addr()]++
		}
		if counts[addr(1)] != 5 || counts[addr(2)] != 5 {
			t.Errorf("%s: the connections are %v, want half each", what, counts)
		}
	}
}

func TestAnEndpointThatComesBackStartsAgain(t *testing.T) {
	form := func(second int64, weights ...float64) balancer.Form {
		return balancer.Form{
			Policy: balancer.LeastConnections, Targets: targets(weights...), SlowStart: 100 * time.Second, Now: time.Unix(second, 0),
		}
	}
	p := balancer.NewPool(form(0, 1, 1), nil)
	open(t, p, 2) // each has one, so that it is not forgotten
	p = balancer.NewPool(form(10, 1), p)
	p = balancer.NewPool(form(20, 1, 1), p)
	p = balancer.NewPool(form(30, 1, 1), p) // a change in between does not begin anew
	held := map[netip.AddrPort]int{addr(1): 1, addr(2): 1}
	for range 153 {
		lease, _ := p.Pick(balancer.Ask{Now: time.Unix(70, 0)}) // half of the time: 55 %
		held[lease.Endpoint().Addr()]++
	}
	if held[addr(1)] != 100 || held[addr(2)] != 55 {
		t.Errorf("held are %v, want 100 and 55", held)
	}
}
