// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
)

// serving is a plan of one route that goes to the arm of that name.
func serving(t *testing.T, arm string) *plan.Plan {
	t.Helper()
	p, refused := plan.Build(&pushv1.Config{
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: 1}},
		Routes: []*pushv1.Route{{Name: "ns/r", Listener: "tcp/1", Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{
			Leaf: &pushv1.Leaf{Arm: arm, Pool: "p"},
		}}}},
		Pools: []*pushv1.Pool{{Name: "p", Endpoints: []*pushv1.Endpoint{{Address: "127.0.0.1", Port: 1}, {Address: "127.0.0.1", Port: 2}}}},
	}, nil)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	return p
}

func TestMetricsAreNamedAndLabelled(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := metrics.New(registry)
	m.Install(serving(t, "a"))
	done := m.Accept("tcp/1", "ns/r", "a")
	done.Dialled(3)
	done.Connected(3 * time.Millisecond)
	done.Moved(10, 0)
	done.Moved(0, 20)
	done.Closed(flow.Completed)
	m.Accept("tcp/1", "ns/r", "a").Dialled(1)

	want := `
# HELP wye_proxy_connections_accepted_total Connections that the router gave to the arm.
# TYPE wye_proxy_connections_accepted_total counter
wye_proxy_connections_accepted_total{arm="a",listener="tcp/1",route="ns/r"} 2
# HELP wye_proxy_connections_active Connections of the arm that have not ended.
# TYPE wye_proxy_connections_active gauge
wye_proxy_connections_active{arm="a",listener="tcp/1",route="ns/r"} 1
# HELP wye_proxy_connect_retries_total Attempts to connect to another endpoint of the arm after one that failed.
# TYPE wye_proxy_connect_retries_total counter
wye_proxy_connect_retries_total{arm="a",listener="tcp/1",route="ns/r"} 2
# HELP wye_proxy_endpoints Endpoints of the arm: available to new connections, ejected (they failed), unhealthy (checks failed), or retired (gone from the pool, and still with connections).
# TYPE wye_proxy_endpoints gauge
wye_proxy_endpoints{arm="a",listener="tcp/1",route="ns/r",state="available"} 2
wye_proxy_endpoints{arm="a",listener="tcp/1",route="ns/r",state="ejected"} 0
wye_proxy_endpoints{arm="a",listener="tcp/1",route="ns/r",state="retired"} 0
wye_proxy_endpoints{arm="a",listener="tcp/1",route="ns/r",state="unhealthy"} 0
# HELP wye_proxy_received_bytes_total Payload from clients that was written to endpoints. Moves while connections are open.
# TYPE wye_proxy_received_bytes_total counter
wye_proxy_received_bytes_total{arm="a",listener="tcp/1",route="ns/r"} 10
# HELP wye_proxy_sent_bytes_total Payload from endpoints that was written to clients. Moves while connections are open.
# TYPE wye_proxy_sent_bytes_total counter
wye_proxy_sent_bytes_total{arm="a",listener="tcp/1",route="ns/r"} 20
`
	names := []string{
		"wye_proxy_connections_accepted_total", "wye_proxy_connections_active", "wye_proxy_connect_retries_total",
		"wye_proxy_endpoints", "wye_proxy_received_bytes_total", "wye_proxy_sent_bytes_total",
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestEveryOutcomeIsShownFromTheStart(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	metrics.New(registry).Install(serving(t, "a"))
	if got, want := series(t, registry, "wye_proxy_connections_closed_total"), int(flow.Outcomes)-1; len(got) != want {
		t.Errorf("%d series, want %d", len(got), want)
	}
}

func TestConnectTimesFallIntoTheirBuckets(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := metrics.New(registry)
	m.Install(serving(t, "a"))
	for _, took := range []time.Duration{0, 500 * time.Microsecond, 501 * time.Microsecond, 10 * time.Second, time.Minute} {
		m.Accept("tcp/1", "ns/r", "a").Connected(took)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "wye_proxy_connect_duration_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		buckets := h.GetBucket()
		got := []uint64{buckets[0].GetCumulativeCount(), buckets[1].GetCumulativeCount(), buckets[len(buckets)-1].GetCumulativeCount(), h.GetSampleCount()}
		if diff := cmp.Diff([]uint64{2, 3, 4, 5}, got); diff != "" {
			t.Errorf("first, second and last bucket, and all (-want +got):\n%s", diff)
		}
		if sum := h.GetSampleSum(); sum < 70 || sum > 70.01 {
			t.Errorf("sum %v, want 70 seconds", sum)
		}
		return
	}
	t.Error("no histogram")
}

func TestAnArmThatLeftIsForgottenWhenIdle(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := metrics.New(registry)
	m.Install(serving(t, "a"))
	idle, busy := m.Accept("tcp/1", "ns/r", "a"), m.Accept("tcp/1", "ns/r", "a")
	m.Install(serving(t, "b"))
	arms := func() []string { return series(t, registry, "wye_proxy_connections_active") }
	idle.Closed(flow.Completed)
	if diff := cmp.Diff([]string{"a", "b"}, arms()); diff != "" {
		t.Errorf("while it has a connection (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b", "b", "b", "b"}, series(t, registry, "wye_proxy_endpoints")); diff != "" {
		t.Errorf("endpoints of an arm that left (-want +got):\n%s", diff)
	}
	busy.Closed(flow.ClientReset)
	if diff := cmp.Diff([]string{"b"}, arms()); diff != "" {
		t.Errorf("when it is idle (-want +got):\n%s", diff)
	}
	m.Accept("tcp/gone", "", "").Closed(flow.NoRoute) // of a listener that is being closed
	if diff := cmp.Diff([]string{"b"}, arms()); diff != "" {
		t.Errorf("what was never in the plan (-want +got):\n%s", diff)
	}
}

func TestCountsAreExactWhileArmsComeAndGo(t *testing.T) {
	m := metrics.New(prometheus.NewPedanticRegistry())
	with, without := serving(t, "a"), serving(t, "b")
	var threads sync.WaitGroup
	for range 4 {
		threads.Go(func() {
			for range 500 {
				a := m.Accept("tcp/1", "ns/r", "a")
				a.Moved(1, 1)
				a.Closed(flow.Completed)
			}
		})
	}
	for range 200 {
		m.Install(without)
		m.Install(with)
		testutil.CollectAndCount(m)
	}
	threads.Wait()
	m.Install(without)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	if diff := cmp.Diff([]string{"b"}, series(t, registry, "wye_proxy_connections_active")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamesThatAreNotTextAreShownAsBestTheyCan(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m := metrics.New(registry)
	m.Accept("tcp/1", "ns/r", "a\xff")
	if diff := cmp.Diff([]string{"a\uFFFD"}, series(t, registry, "wye_proxy_connections_active")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// series lists the arm of each series of a metric, sorted.
func series(t *testing.T, g prometheus.Gatherer, name string) []string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var arms []string
	for _, f := range families {
		for _, s := range f.GetMetric() {
			for _, l := range s.GetLabel() {
				if f.GetName() == name && l.GetName() == "arm" {
					arms = append(arms, l.GetValue())
				}
			}
		}
	}
	slices.Sort(arms)
	return arms
}

func TestAPauseCountsWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		m := metrics.New(registry)
		m.Install(serving(t, "a"))
		pause := &m.Port("tcp/1").Rate
		for range 2 {
			pause.Begin()
			time.Sleep(time.Second)
			pause.Begin() // it is the same
			pause.End()
			pause.End()
		}
		pause.Begin()
		time.Sleep(time.Second / 2)
		const want = `
# HELP wye_proxy_accept_paused_seconds_total Time in which the listener did not accept for a limit. Moves while it does not.
# TYPE wye_proxy_accept_paused_seconds_total counter
wye_proxy_accept_paused_seconds_total{listener="tcp/1",reason="accept_rate"} 2.5
wye_proxy_accept_paused_seconds_total{listener="tcp/1",reason="max_connections"} 0
# HELP wye_proxy_accept_pauses_total Times that the listener stopped accepting for a limit. Clients wait meanwhile.
# TYPE wye_proxy_accept_pauses_total counter
wye_proxy_accept_pauses_total{listener="tcp/1",reason="accept_rate"} 3
wye_proxy_accept_pauses_total{listener="tcp/1",reason="max_connections"} 0
`
		names := []string{"wye_proxy_accept_pauses_total", "wye_proxy_accept_paused_seconds_total"}
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
		m.Install(&plan.Plan{})
		if got := series(t, registry, names[0]); len(got) != 0 {
			t.Errorf("a listener that is gone shows %v", got)
		}
	})
}
