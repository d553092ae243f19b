// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer_test

import (
	"testing"

	"github.com/wye-dev/wye/proxy/balancer"
)

const (
	here      = balancer.Here
	elsewhere = balancer.Elsewhere
	unhinted  = balancer.Unhinted
)

func hinted(policy balancer.Policy, hints ...balancer.Hint) *balancer.Pool {
	f := balancer.Form{Policy: policy}
	for i, hint := range hints {
		f.Targets = append(f.Targets, balancer.Target{Addr: addr(i + 1), Weight: 1, Hint: hint})
	}
	return balancer.NewPool(f, nil)
}

// used are the ports of the endpoints that get connections.
func used(t *testing.T, p *balancer.Pool) (ports [8]bool) {
	t.Helper()
	for i := range 500 {
		ports[pick(t, p, balancer.Ask{Client: client(i)}).Addr().Port()] = true
	}
	return ports
}

func TestEndpointsOfThisZoneGoFirst(t *testing.T) {
	all, near := [8]bool{1: true, 2: true, 3: true, 4: true}, [8]bool{1: true, 3: true}
	for name, policy := range policies() {
		for _, test := range []struct {
			hints []balancer.Hint
			want  [8]bool
		}{
			{[]balancer.Hint{here, elsewhere, here, elsewhere}, near},
			{[]balancer.Hint{here, elsewhere, here, unhinted}, all}, // as kube-proxy: one without a hint, and none counts
			{[]balancer.Hint{elsewhere, elsewhere, elsewhere, elsewhere}, all},
			{[]balancer.Hint{here, here, here, here}, all},
			{[]balancer.Hint{unhinted, unhinted, unhinted, unhinted}, all},
		} {
			if got := used(t, hinted(policy, test.hints...)); got != test.want {
				t.Errorf("%s %v: connections went to %v, want %v", name, test.hints, got, test.want)
			}
		}
	}
}

func TestOtherZonesAreTriedAfterThisOne(t *testing.T) {
	for name, policy := range policies() {
		p := hinted(policy, elsewhere, here, elsewhere, here)
		var tried []*balancer.Endpoint
		for i := range 4 {
			e := pick(t, p, balancer.Ask{Client: client(1), Tried: tried})
			if near := e.Addr().Port()%2 == 0; near != (i < 2) {
				t.Errorf("%s: attempt %d went to %s", name, i+1, e.Addr())
			}
			tried = append(tried, e)
		}
	}
}

func TestZonesAreIgnoredWhenTheyAreToBe(t *testing.T) {
	f := balancer.Form{IgnoreZones: true, Targets: targets(1, 1, 1)}
	f.Targets[0].Hint, f.Targets[1].Hint, f.Targets[2].Hint = here, elsewhere, elsewhere
	if got := used(t, balancer.NewPool(f, nil)); got != [8]bool{1: true, 2: true, 3: true} {
		t.Errorf("connections went to %v, want all", got)
	}
}
