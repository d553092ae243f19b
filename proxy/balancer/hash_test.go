// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"fmt"
	"math"
	"net/netip"
	"testing"

	"github.com/wye-dev/wye/proxy/balancer"
)

const clients = 20000

// homes is where each client goes.
func homes(t *testing.T, p *balancer.Pool) [clients]netip.AddrPort {
	t.Helper()
	var homes [clients]netip.AddrPort
	for i := range homes {
		homes[i] = pick(t, p, balancer.Ask{Client: client(i)}).Addr()
	}
	return homes
}

func count(homes [clients]netip.AddrPort) map[netip.AddrPort]int {
	counts := map[netip.AddrPort]int{}
	for _, to := range homes {
		counts[to]++
	}
	return counts
}

func TestConsistentHashGivesEachEndpointItsShareOfClients(t *testing.T) {
	for _, weights := range [][]float64{{1, 1}, {1, 1, 1, 1, 1, 1, 1}, {3, 1}, {1, 2, 3, 4}, {1e308, 1e308, 5e307}} {
		sum := 0.0
		for _, w := range weights {
			sum += w / weights[0]
		}
		counts := count(homes(t, pool(balancer.ConsistentHash, weights...)))
		for i, w := range weights {
			// The addresses are the same each time, and so is the result.
			got, want := float64(counts[addr(i+1)]), clients*w/weights[0]/sum
			if math.Abs(got-want) > 0.05*want {
				t.Errorf("weights %v: endpoint %d has %v of %d clients, want about %v", weights, i, got, clients, want)
			}
		}
	}
}

// Whatever happens to the others, a client moves only to an endpoint that is new or
// grew, or away from one that left or shrank.
func TestConsistentHashMovesOnlyWhoHasTo(t *testing.T) {
	steps := []struct {
		what    string
		targets []balancer.Target
	}{
		{"five", targets(1, 1, 1, 1, 1)},
		{"a sixth", targets(1, 1, 1, 1, 1, 1)},
		{"the second leaves", append(targets(1), targets(1, 1, 1, 1, 1, 1)[2:]...)},
		{"all but two leave", targets(1, 1, 1)[1:]},
		{"many come", targets(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)},
		{"one is to have more", targets(1, 1, 1, 4, 1, 1, 1, 1, 1, 1, 1, 1)},
		{"and less", targets(1, 1, 1, 0.5, 1, 1, 1, 1, 1, 1, 1, 1)},
		{"all as before", targets(7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7)},
	}
	var old map[netip.AddrPort]float64
	var before [clients]netip.AddrPort
	for _, step := range steps {
		now := map[netip.AddrPort]float64{}
		for _, target := range step.targets {
			now[target.Addr] = target.Weight / step.targets[0].Weight
		}
		p := balancer.NewPool(balancer.Form{Policy: balancer.ConsistentHash, Targets: step.targets}, nil)
		after := homes(t, p)
		for i := range clients {
			from, to := before[i], after[i]
			if old != nil && from != to && now[from] >= old[from] && now[to] <= old[to] {
				t.Fatalf("%s: client %d went from %s, which is still there, to %s, which was there", step.what, i, from, to)
			}
		}
		old, before = now, after
	}
}

func TestAClientFallsOverToTheSameEndpointEachTime(t *testing.T) {
	p := pool(balancer.ConsistentHash, 1, 1, 1, 1)
	for i := range 100 {
		home := pick(t, p, balancer.Ask{Client: client(i)})
		second := pick(t, p, balancer.Ask{Client: client(i), Tried: []*balancer.Endpoint{home}})
		if again := pick(t, p, balancer.Ask{Client: client(i), Tried: []*balancer.Endpoint{home}}); again != second {
			t.Fatalf("client %d fell over to %s and then to %s", i, second.Addr(), again.Addr())
		}
		// It is the one that the client has when the first is gone.
		var others []balancer.Target
		for _, target := range targets(1, 1, 1, 1) {
			if target.Addr != home.Addr() {
				others = append(others, target)
			}
		}
		without := balancer.NewPool(balancer.Form{Policy: balancer.ConsistentHash, Targets: others}, nil)
		if got := pick(t, without, balancer.Ask{Client: client(i)}).Addr(); got != second.Addr() {
			t.Fatalf("client %d fell over to %s, and goes to %s when its own is gone", i, second.Addr(), got)
		}
	}
}

// Who is one client is affinity's to say.
func TestAClientIsOneInEachForm(t *testing.T) {
	p := pool(balancer.ConsistentHash, 1, 1, 1, 1, 1, 1, 1, 1)
	for i := range 256 {
		v4 := client(i)
		if pick(t, p, balancer.Ask{Client: v4}) != pick(t, p, balancer.Ask{Client: netip.AddrFrom16(v4.As16())}) {
			t.Fatalf("%s goes to another endpoint when it is written as IPv6", v4)
		}
	}
}

// It must not change between versions: while a fleet is updated, its proxies are to
// agree.
func TestTheHashStaysWhatItIs(t *testing.T) {
	p := pool(balancer.ConsistentHash, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	got := ""
	for i := range 20 {
		got += fmt.Sprint(pick(t, p, balancer.Ask{Client: client(i)}).Addr().Port())
	}
	if want := "97133311818315275196"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWithoutAClientAHashDraws(t *testing.T) {
	if got := rounds(t, pool(balancer.ConsistentHash, 1, 1, 1), 1000); len(got) != 3 {
		t.Errorf("connections for nobody went to %d of 3 endpoints", len(got))
	}
}
