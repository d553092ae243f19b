// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/observe"
)

// TestAFleetIsAskedAboutItsRoutesAlone, and what is stale is summed up, also of arms
// that the newest form does not have.
func TestAFleetIsAskedAboutItsRoutesAlone(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReportTimeout = patience })
	r.published(t)
	first, second := r.connectReporter(t, "edge-0"), r.connectReporter(t, "edge-1")
	r.acked(t, 2, 1)
	answers := make(chan []observe.Route, 1)
	go func() {
		routes, err := r.server.ObserveFleet(t.Context(), edge, []string{"shop/a", "shop/none"})
		if err != nil {
			t.Error(err)
		}
		answers <- routes
	}()
	since := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for p, stale := range map[*testProxy][]uint64{first: {3, 4}, second: {0, 1}} {
		q := p.question(t)
		if diff := cmp.Diff([]string{"shop/a"}, q.GetRoutes()); diff != "" {
			t.Errorf("routes asked about (-want +got):\n%s", diff)
		}
		report := said("shop/a", "new", since, "p1", 9, 5, "gone", 0, 4)
		report.Arms[0].Stale, report.Arms[1].Stale = stale[0], stale[1]
		report.Arms[0].EndpointsOut = uint32(stale[0]) + 1
		p.report(t, &pushv1.Report{Id: q.GetId(), Routes: []*pushv1.RouteReport{report}})
	}
	want := []observe.Route{{
		Namespace: "shop", Name: "a", Fleet: edge.String(), Hash: "new", Counted: 2, Since: &since, Departed: 8, Stale: 8,
		Arms: []observe.Arm{{Name: "p1", Opened: 18, Open: 10, Stale: 3, Out: 4}, {Name: "p2"}},
	}}
	if diff := cmp.Diff(want, <-answers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNobodyIsAskedAboutWhatIsNotPublished(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReportTimeout = patience })
	r.published(t)
	for fleet, route := range map[types.NamespacedName]string{edge: "shop/none", {Namespace: "no", Name: "fleet"}: "shop/a"} {
		if routes, err := r.server.ObserveFleet(t.Context(), fleet, []string{route}); err != nil || len(routes) > 0 {
			t.Errorf("fleet %s: %v, %v", fleet, routes, err)
		}
	}
}
