// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/observe"
)

// connectReporter opens the session of a pod of fleet edge that answers questions,
// and confirms the first update.
func (r *rig) connectReporter(t testing.TB, pod string) *testProxy {
	t.Helper()
	h := hello(pod)
	h.Reports = true
	p := r.dial(t, "edge", h, nil)
	p.receive(t)
	p.ack(t)
	return p
}

// question takes the next message, which must be a question.
func (p *testProxy) question(t testing.TB) *pushv1.ReportRequest {
	t.Helper()
	u, err := p.await()
	must(t, err)
	if u.GetReportRequest() == nil {
		t.Fatalf("not a question: %v", u)
	}
	return u.GetReportRequest()
}

func (p *testProxy) report(t testing.TB, r *pushv1.Report) {
	t.Helper()
	p.send(t, &pushv1.SyncRequest{Message: &pushv1.SyncRequest_Report{Report: r}})
}

// said is what a proxy says of a route. arms are triples of name, opened and open.
func said(route, hash string, since time.Time, arms ...any) *pushv1.RouteReport {
	r := &pushv1.RouteReport{Name: route, Hash: hash, Since: timestamppb.New(since)}
	for ; len(arms) > 0; arms = arms[3:] {
		r.Arms = append(r.Arms, &pushv1.ArmReport{
			Arm: arms[0].(string), Opened: uint64(arms[1].(int)), Open: uint64(arms[2].(int)),
		})
	}
	return r
}

// observing asks, and gives a channel for the answer.
func (r *rig) observing(t testing.TB, namespace, name string) <-chan []observe.Route {
	answers := make(chan []observe.Route, 1)
	go func() {
		routes, err := r.server.Observe(t.Context(), namespace, name)
		if err != nil {
			t.Error(err)
		}
		answers <- routes
	}()
	return answers
}

func (r *rig) published(t testing.TB) {
	t.Helper()
	r.book.Publish(edge, &pushv1.Config{
		Listeners: []*pushv1.Listener{listener(1001), listener(1002)},
		Routes: []*pushv1.Route{
			route("shop/a", 1001, "new", union(leaf("p1"), leaf("p2"), leaf("p1"))),
			route("shop/b", 1002, "b", leaf("p1")),
			route("shopping/a", 1001, "c", leaf("p1")),
		},
		Pools: []*pushv1.Pool{pool("p1", 1), pool("p2", 2)},
	})
}

func TestWhatProxiesSayIsSummedUp(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReportTimeout = patience })
	r.published(t)
	first, second, behind := r.connectReporter(t, "edge-0"), r.connectReporter(t, "edge-1"), r.connectReporter(t, "edge-2")
	long := r.connectReporter(t, "edge-3")
	old := r.connect(t, "edge-4")
	old.receive(t)
	old.ack(t)
	r.acked(t, 5, 1)

	answers := r.observing(t, "shop", "")
	early, late := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)
	for p, routes := range map[*testProxy][]*pushv1.RouteReport{
		first: {
			said("shop/a", "new", late, "p1", 9, 2, "p2", 1, 1, "p3", 0, 4),
			said("shop/a", "new", late, "p1", 1000, 1000), // a second time
			said("shop/b", "b", early, "p1", 5, 0),
		},
		second: {said("shop/a", "new", early, "p1", 18, 0, "p2", 2, 0), said("shop/b", "b", early)},
		behind: {said("shop/a", "old", late.Add(time.Hour), "p1", 7, 3), said("shopping/a", "c", late, "p1", 1, 1), said("", "", late)},
		long:   nil,
	} {
		q := p.question(t)
		if diff := cmp.Diff([]string{"shop/a", "shop/b"}, q.GetRoutes()); diff != "" {
			t.Errorf("routes asked about (-want +got):\n%s", diff)
		}
		p.report(t, &pushv1.Report{Id: q.GetId() + 1, Routes: routes}) // nobody asked for that
		p.report(t, &pushv1.Report{Id: q.GetId(), Routes: routes, Truncated: p == long})
		p.report(t, &pushv1.Report{Id: q.GetId(), Routes: routes}) // answered already
	}
	want := []observe.Route{{
		Namespace: "shop", Name: "a", Fleet: "shop/edge", Hash: "new", Departed: 4,
		Arms:    []observe.Arm{{Name: "p1", Opened: 27, Open: 5}, {Name: "p2", Opened: 3, Open: 1}},
		Counted: 2, Since: &late, Behind: []string{"edge-2"}, Silent: []string{"edge-3", "edge-4"},
	}, {
		Namespace: "shop", Name: "b", Fleet: "shop/edge", Hash: "b",
		Arms:    []observe.Arm{{Name: "p1", Opened: 5}},
		Counted: 2, Since: &early, Behind: []string{"edge-2"}, Silent: []string{"edge-3", "edge-4"},
	}}
	if diff := cmp.Diff(want, <-answers); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

// A proxy that does not answer holds nobody up for longer than the limit, is
// named, and goes on as if nothing had been.
func TestProxiesThatDoNotAnswerAreNamed(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReportTimeout = 200 * time.Millisecond })
	r.published(t)
	quick, slow := r.connectReporter(t, "edge-0"), r.connectReporter(t, "edge-1")
	r.acked(t, 2, 1)
	answers := r.observing(t, "shop", "b")
	quick.report(t, &pushv1.Report{Id: quick.question(t).GetId(), Routes: []*pushv1.RouteReport{said("shop/b", "b", time.Now())}})
	late := slow.question(t)
	got := <-answers
	if len(got) != 1 || got[0].Counted != 1 || cmp.Diff([]string{"edge-1"}, got[0].Silent) != "" {
		t.Errorf("observed %+v", got)
	}
	slow.report(t, &pushv1.Report{Id: late.GetId()})
	config := two()
	config.Routes = config.Routes[:1]
	r.book.Publish(edge, config)
	slow.receive(t)
	slow.ack(t)
	r.acked(t, 1, 2)
}

func TestAQuestionDoesNotWaitForAnAck(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReportTimeout = patience })
	r.published(t)
	h := hello("edge-0")
	h.Reports = true
	p := r.dial(t, "edge", h, nil)
	p.receive(t) // and is slow to take it
	answers := r.observing(t, "shop", "b")
	p.report(t, &pushv1.Report{Id: p.question(t).GetId()})
	if got := <-answers; len(got) != 1 || cmp.Diff([]string{"edge-0"}, got[0].Behind) != "" {
		t.Errorf("observed %+v", got)
	}
	p.ack(t)
	r.acked(t, 1, 1)
}

func TestWhoIsAskedAboutNothingSaysNothing(t *testing.T) {
	r := newRig(t, nil)
	r.published(t)
	for _, name := range []string{"missing", "a/b"} {
		if got, err := r.server.Observe(t.Context(), "shop", name); err != nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	got, err := r.server.Observe(t.Context(), "shop", "b")
	want := []observe.Route{{Namespace: "shop", Name: "b", Fleet: "shop/edge", Hash: "b", Arms: []observe.Arm{{Name: "p1"}}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("a fleet without proxies (-want +got): %v\n%s", err, diff)
	}
	r.depose()
	if got, err := r.server.Observe(t.Context(), "shop", "b"); err == nil {
		t.Errorf("a follower says %v", got)
	}
}

func TestOnlySoManyAskAtOnce(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ReportTimeout = 50 * time.Millisecond })
	r.published(t)
	for range maxInquiries {
		r.server.inquiring <- struct{}{}
	}
	if _, err := r.server.Observe(t.Context(), "shop", "b"); !errors.Is(err, errBusy) {
		t.Errorf("one too many: %v", err)
	}
	for range maxInquiries {
		<-r.server.inquiring
	}
	// Nothing is left behind by those who were not answered.
	p := r.connectReporter(t, "edge-0")
	r.acked(t, 1, 1)
	for i := range 20 {
		if _, err := r.server.Observe(t.Context(), "shop", "b"); err != nil {
			t.Fatal(fmt.Errorf("inquiry %d: %w", i, err))
		}
		p.question(t)
	}
	r.book.mu.Lock()
	defer r.book.mu.Unlock()
	if s := r.book.pages[edge].sessions["edge-0"]; len(s.questions)+len(s.asked) > 0 {
		t.Errorf("%d questions and %d answers are waited for", len(s.questions), len(s.asked))
	}
}
