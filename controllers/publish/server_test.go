// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func TestASessionBeginsInFullAndGoesOnWithDifferences(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	if u := p.receive(t); !u.GetFull() || u.GetGeneration() != 1 {
		t.Errorf("the first update is %v", u)
	}
	must(t, p.missing(two()))
	p.ack(t)
	r.acked(t, 1, 1)

	config := two()
	config.Pools[1] = pool("p2", 22)
	r.book.Publish(edge, config)
	want := &pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{pool("p2", 22)}}
	if diff := cmp.Diff(want, p.receive(t), protocmp.Transform()); diff != "" {
		t.Errorf("second update (-want +got):\n%s", diff)
	}
	proxies := r.book.Progress(edge).Proxies
	if diff := cmp.Diff([]Proxy{{Pod: "edge-0", Version: "v1", Acked: 1}}, proxies); diff != "" {
		t.Errorf("proxies before the ack (-want +got):\n%s", diff)
	}
	p.ack(t)
	r.acked(t, 1, 2)
	p.close()
	await(t, "the proxy is gone", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 0 })
}

func TestAProxyWaitsForTheFirstConfig(t *testing.T) {
	r := newRig(t, nil)
	p := r.connect(t, "edge-0")
	if header, err := p.stream.Header(); err != nil || header == nil {
		t.Errorf("the proxy is not told that it is in: %v, %v", header, err)
	}
	await(t, "the proxy is listed", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 1 })
	r.book.Publish(edge, two())
	p.receive(t)
	must(t, p.missing(two()))
}

func TestAThousandPublishesDuringOneAckAreOneUpdate(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	for i := range uint32(1000) {
		config := two()
		config.Pools[0] = pool("p1", 1+i, 2)
		r.book.Publish(edge, config)
	}
	p.ack(t)
	want := &pushv1.Update{Generation: 1001, Pools: []*pushv1.Pool{pool("p1", 1000, 2)}}
	if diff := cmp.Diff(want, p.receive(t), protocmp.Transform()); diff != "" {
		t.Errorf("the update after the ack (-want +got):\n%s", diff)
	}
	p.ack(t)
	r.acked(t, 1, 1001)
	if got := testutil.ToFloat64(r.server.metrics.pushes); got != 2 {
		t.Errorf("%v updates were sent, want 2", got)
	}
}

func TestTwoHundredProxiesConverge(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	var following sync.WaitGroup
	var proxies []*testProxy
	for i := range 200 {
		p := r.connect(t, fmt.Sprintf("edge-%d", i))
		following.Go(p.follow)
		proxies = append(proxies, p)
	}
	r.acked(t, 200, 1)
	var newest *pushv1.Config
	for i := range uint32(20) {
		newest = two()
		newest.Pools[i%3] = pool(newest.Pools[i%3].GetName(), 100+i)
		r.book.Publish(edge, newest)
	}
	r.acked(t, 200, 21)
	for name, route := range r.book.Progress(edge).Routes {
		for _, p := range r.book.Progress(edge).Proxies {
			if !p.Converged(name, route) {
				t.Errorf("%s has not converged on %s", p.Pod, name)
			}
		}
	}
	r.book.Forget(edge)
	following.Wait()
	for _, p := range proxies {
		must(t, p.missing(newest))
	}
}

func TestRefusalsComeAndGoWithAcks(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	refusal := &pushv1.Refusal{
		Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: "tcp/1001"},
		Reason:   pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE,
		Message:  "bind: address already in use",
	}
	p.ack(t, refusal)
	r.acked(t, 1, 1)
	want := map[string]*pushv1.Refusal{"shop/a": refusal}
	if diff := cmp.Diff(want, r.book.Progress(edge).Proxies[0].Refused, protocmp.Transform()); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	p.ack(t)
	await(t, "the refusal goes", r.changed, func() bool { return len(r.book.Progress(edge).Proxies[0].Refused) == 0 })
}

func TestASecondSessionOfAPodReplacesTheFirst(t *testing.T) {
	r := newRig(t, nil)
	first := r.connect(t, "edge-0")
	await(t, "the first is listed", r.changed, func() bool { return len(r.book.Progress(edge).Proxies) == 1 })
	second := r.connect(t, "edge-0")
	if got := first.ends(t); got.Code() != codes.Aborted {
		t.Errorf("the first ends with %v", got)
	}
	r.book.Publish(edge, two())
	second.receive(t)
	second.ack(t)
	r.acked(t, 1, 1)
}

func TestForgettingAFleetEndsItsSessions(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	r.book.Forget(edge)
	if got := p.ends(t); got.Code() != codes.NotFound {
		t.Errorf("the session ends with %v", got)
	}
}

func TestLosingTheLeadEndsSessions(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	r.depose()
	if got := p.ends(t); got.Code() != codes.Unavailable {
		t.Errorf("the session ends with %v", got)
	}
	if got := r.connect(t, "edge-0").ends(t); got.Code() != codes.Unavailable {
		t.Errorf("a session with a follower ends with %v", got)
	}
	r.lead(t)
	r.connect(t, "edge-0").receive(t)
}

func TestStoppingEndsSessions(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	must(t, r.stop())
	if got := p.ends(t); got.Code() != codes.Unavailable {
		t.Errorf("the session ends with %v", got)
	}
}

func TestMetricsFollowTheBook(t *testing.T) {
	r := newRig(t, nil)
	r.book.Publish(edge, two())
	p := r.connect(t, "edge-0")
	p.receive(t)
	p.ack(t, &pushv1.Refusal{Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_POOL, Name: "p1"}})
	r.acked(t, 1, 1)
	r.book.Publish(edge, &pushv1.Config{})
	names := []string{"wye_controller_config_generation", "wye_controller_proxies", "wye_controller_refusals"}
	want := `
# HELP wye_controller_config_generation Generation of the newest config of a fleet.
# TYPE wye_controller_config_generation gauge
wye_controller_config_generation{fleet="edge",namespace="shop"} 2
# HELP wye_controller_proxies Proxies of a fleet: all that are connected, and those of them that have not confirmed the newest config.
# TYPE wye_controller_proxies gauge
wye_controller_proxies{fleet="edge",namespace="shop",state="connected"} 1
wye_controller_proxies{fleet="edge",namespace="shop",state="lagging"} 1
# HELP wye_controller_refusals Resources that connected proxies of a fleet refuse to serve, summed over the proxies.
# TYPE wye_controller_refusals gauge
wye_controller_refusals{fleet="edge",namespace="shop"} 1
`
	if err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	if got := testutil.CollectAndCount(r.server.metrics.took); got != 1 {
		t.Errorf("%d series of push durations, want 1", got)
	}
	r.book.Forget(edge)
	p.ends(t)
	if err := testutil.GatherAndCompare(r.registry, strings.NewReader(""), names...); err != nil {
		t.Errorf("after the fleet was forgotten: %v", err)
	}
	if problems, err := testutil.GatherAndLint(r.registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}
