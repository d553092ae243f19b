// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/plan"
)

func TestALimitThatChangesCountsWhoIsThere(t *testing.T) {
	config := good()
	config.Routes[0].Limits = &pushv1.RouteLimits{MaxConnections: 1, BytesPerSecond: 5}
	name := config.Routes[0].Name
	first, refused := plan.Build(config, nil)
	if len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	if got := first.Routes[name].BytesPerSecond; got != 5 {
		t.Errorf("%d bytes per second, want 5", got)
	}
	client := netip.MustParseAddr("10.0.0.1")
	if got := first.Routes[name].Guard.Admit(client); got != flow.Open {
		t.Fatal(got)
	}
	config.Routes[0].Hash = "another"
	second, _ := plan.Build(config, first)
	if got := second.Routes[name].Guard.Admit(client); got != flow.RouteFull {
		t.Errorf("the next form of the route has forgotten who is there: %s", got)
	}
	config.Routes[0].Limits = nil
	config.Routes[0].Hash = "a third"
	if third, _ := plan.Build(config, second); third.Routes[name].Guard != nil {
		t.Error("a route without limits has a guard")
	}
}

func TestAnAccessListWithAMistakeIsRefused(t *testing.T) {
	config := good()
	first, _ := plan.Build(config, nil)
	config.Routes[0].Access = &pushv1.Access{Allow: []string{"10.0.0.0/8", "10.0.0.0"}}
	config.Routes[0].Hash = "another"
	second, refused := plan.Build(config, first)
	const want = "route ns/one: access: allow: entry 2: \"10.0.0.0\" is not a CIDR, such as 10.0.0.0/8 or 2001:db8::/32\n"
	if diff := cmp.Diff(want, describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if second.Routes["ns/one"] != first.Routes["ns/one"] {
		t.Error("the last good form does not go on")
	}
}

func TestLifetimesAreSpreadOverATenth(t *testing.T) {
	timeouts := plan.Timeouts{Lifetime: time.Hour}
	var all []time.Duration
	for id := range uint64(100) {
		all = append(all, timeouts.LifetimeOf(id))
	}
	slices.Sort(all)
	if all[0] < 54*time.Minute || all[99] > time.Hour {
		t.Errorf("from %s to %s, want 54m to 1h", all[0], all[99])
	}
	for i := 1; i < len(all); i++ {
		if gap := all[i] - all[i-1]; gap > 12*time.Second {
			t.Errorf("a hundred connections one after the other leave a gap of %s", gap)
		}
	}
	if forever := (plan.Timeouts{}).LifetimeOf(7); forever != 0 {
		t.Errorf("no limit has become %s", forever)
	}
}
