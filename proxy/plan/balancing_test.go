// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/plan"
)

// balanced is a config with one pool.
func balanced(b *pushv1.Balancing, endpoints ...*pushv1.Endpoint) *pushv1.Config {
	return &pushv1.Config{Pools: []*pushv1.Pool{
		{Name: "a", Endpoints: endpoints, Settings: &pushv1.PoolSettings{Balancing: b}},
	}}
}

func endpoints(ports ...uint32) []*pushv1.Endpoint { return pool("", ports...).Endpoints }

// counts are the connections, of n that end at once, that each port gets at a time.
func counts(t *testing.T, p *plan.Plan, n int, now time.Time) map[uint16]int {
	t.Helper()
	got := map[uint16]int{}
	for range n {
		lease, ok := p.Pools["a"].Pick(balancer.Ask{Now: now})
		if !ok {
			t.Fatal("no endpoint")
		}
		got[lease.Endpoint().Addr().Port()]++
		lease.Release()
	}
	return got
}

func TestBalancingThatIsNoneIsRefused(t *testing.T) {
	for _, test := range []struct {
		balancing *pushv1.Balancing
		want      string
	}{
		{&pushv1.Balancing{Policy: 9}, "pool a: the balancing policy is 9, which this version does not know\n"},
		{&pushv1.Balancing{SlowStart: durationpb.New(-time.Second)}, "pool a: slow start -1s is negative\n"},
		{
			&pushv1.Balancing{Policy: pushv1.BalancingPolicy_BALANCING_POLICY_CONSISTENT_HASH, SlowStart: durationpb.New(time.Second)},
			"pool a: a consistent hash has no slow start\n",
		},
	} {
		_, refused := plan.Build(balanced(test.balancing, endpoints(1)...), nil)
		if diff := cmp.Diff(test.want, describe(refused)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.balancing, diff)
		}
	}
}

func TestAnEndpointThatJoinsStartsSlowly(t *testing.T) {
	settings := &pushv1.Balancing{Policy: pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN, SlowStart: durationpb.New(time.Minute)}
	began := time.Unix(1000, 0)
	p := build(t, balanced(settings, endpoints(1)...), nil)
	p, refused := plan.Builder{Now: began}.Build(balanced(settings, endpoints(1, 2)...), p)
	if len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	for after, want := range map[time.Duration]int{0: 100, time.Minute: 550} {
		// A tenth of the share of the other, and then as much.
		if got := counts(t, p, 1100, began.Add(after)); got[2] < want-1 || got[2] > want+1 {
			t.Errorf("after %s it has %d of 1100 connections, want %d", after, got[2], want)
		}
	}
}

func TestZonesOfEndpointsAreHeldAgainstTheProxys(t *testing.T) {
	three := endpoints(1, 2, 3)
	three[0].Zones, three[1].Zones, three[2].Zones = []string{"a"}, []string{"a", "b"}, []string{"c"}
	all := map[uint16]int{1: 10, 2: 10, 3: 10}
	for _, test := range []struct {
		reason string
		zone   string
		ignore bool
		want   map[uint16]int
	}{
		{"those that name the zone", "a", false, map[uint16]int{1: 15, 2: 15}},
		{"also beside others", "b", false, map[uint16]int{2: 30}},
		{"nobody is for it", "d", false, all},
		{"it is not known", "", false, all},
		{"it is not to count", "b", true, all},
	} {
		settings := &pushv1.Balancing{Policy: pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN, IgnoreZones: test.ignore}
		p, refused := plan.Builder{Zone: test.zone}.Build(balanced(settings, three...), nil)
		if len(refused) > 0 {
			t.Fatal(describe(refused))
		}
		if diff := cmp.Diff(test.want, counts(t, p, 30, time.Time{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestAChangeOfHintsIsAChange(t *testing.T) {
	two := endpoints(1, 2)
	two[0].Zones, two[1].Zones = []string{"a"}, []string{"b"}
	builder := plan.Builder{Zone: "a"}
	p, _ := builder.Build(balanced(nil, two...), nil)
	if got := counts(t, p, 10, time.Time{}); got[1] != 10 {
		t.Fatalf("the connections are %v, want all in zone a", got)
	}
	two[0].Zones, two[1].Zones = two[1].Zones, two[0].Zones
	p, _ = builder.Build(balanced(nil, two...), p)
	if got := counts(t, p, 10, time.Time{}); got[2] != 10 {
		t.Errorf("after the change the connections are %v, want all in zone a", got)
	}
}
