// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// armCounts are what a report says of an arm.
type armCounts struct{ Opened, Open uint64 }

// counts asks about the route ns/r, which is served, and one that is not.
func counts(t *testing.T, s *pushtest.Session) (hash string, since time.Time, arms map[string]armCounts) {
	t.Helper()
	report := s.Ask(t, &pushv1.ReportRequest{Id: 1, Routes: []string{"ns/r", "ns/other"}})
	if len(report.GetRoutes()) != 1 || report.GetRoutes()[0].GetName() != "ns/r" {
		t.Fatalf("report is %v", report)
	}
	r := report.GetRoutes()[0]
	arms = map[string]armCounts{}
	for _, a := range r.GetArms() {
		arms[a.GetArm()] = armCounts{a.GetOpened(), a.GetOpen()}
	}
	return r.GetHash(), r.GetSince().AsTime(), arms
}

// split is a route that goes to arms by weight, in a form of that hash.
func split(hash string, weights map[string]float64) *pushv1.Route {
	union := &pushv1.Union{}
	for arm, weight := range weights {
		union.Trees = append(union.Trees, &pushv1.Weighted{Weight: weight, Tree: &pushv1.Tree{
			Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: arm, Pool: arm}},
		}})
	}
	return &pushv1.Route{Name: "ns/r", Listener: "tcp/1", Hash: hash, Tree: &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: union}}}
}

// A report counts from the time when the route took its form: a change of weights
// begins anew, a change of endpoints does not.
func TestReportsCountConnectionsSinceTheRouteHasItsForm(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	one, port := backend(t, "one"), uint32(ports.Free(t))
	s := w.Next(t)
	s.Push(t, &pushv1.Update{
		Generation: 1, Full: true,
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: port}},
		Routes:    []*pushv1.Route{split("nine", map[string]float64{"a": 9, "b": 1})},
		Pools:     []*pushv1.Pool{{Name: "a", Endpoints: []*pushv1.Endpoint{one}}, {Name: "b", Endpoints: []*pushv1.Endpoint{one}}},
	})
	for range 10 {
		reach(t, port, "one")
	}
	hash, since, arms := counts(t, s)
	if diff := cmp.Diff(map[string]armCounts{"a": {9, 9}, "b": {1, 1}}, arms); diff != "" || hash != "nine" {
		t.Errorf("nine to one, of form %q (-want +got):\n%s", hash, diff)
	}

	s.Push(t, &pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{{Name: "b", Endpoints: []*pushv1.Endpoint{backend(t, "two")}}}})
	if _, again, arms := counts(t, s); !again.Equal(since) || arms["a"].Opened != 9 {
		t.Errorf("another endpoint began the count anew: since %s, was %s; %v", again, since, arms)
	}

	s.Push(t, &pushv1.Update{Generation: 3, Routes: []*pushv1.Route{split("b", map[string]float64{"b": 1})}})
	reach(t, port, "two")
	hash, again, arms := counts(t, s)
	if diff := cmp.Diff(map[string]armCounts{"a": {0, 9}, "b": {1, 2}}, arms); diff != "" || hash != "b" {
		t.Errorf("all to b, of form %q (-want +got):\n%s", hash, diff)
	}
	if !again.After(since) {
		t.Errorf("the form is in force since %s, the one before since %s", again, since)
	}
}

func TestConnectionsThatReachNobodyAreNotOpened(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	one, port := backend(t, "one"), uint32(ports.Free(t))
	dead := &pushv1.Endpoint{Address: "127.0.0.1", Port: uint32(ports.Free(t))}
	redistribute := split("x", map[string]float64{"alive": 1, "dead": 1})
	redistribute.OnUnavailable = pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE
	s := w.Next(t)
	s.Push(t, &pushv1.Update{
		Generation: 1, Full: true,
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: port}},
		Routes:    []*pushv1.Route{redistribute},
		Pools:     []*pushv1.Pool{{Name: "alive", Endpoints: []*pushv1.Endpoint{one}}, {Name: "dead", Endpoints: []*pushv1.Endpoint{dead}}},
	})
	for range 4 {
		reach(t, port, "one")
	}
	if _, _, arms := counts(t, s); cmp.Diff(map[string]armCounts{"alive": {4, 4}, "dead": {}}, arms) != "" {
		t.Errorf("arms are %v, want 4 on the one that is alive", arms)
	}
}

// TestReportsCountWhatMigrationIsToEnd: connections of arms without a share, and of
// arms that the form does not have.
func TestReportsCountWhatMigrationIsToEnd(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	one, port := backend(t, "one"), uint32(ports.Free(t))
	s := w.Next(t)
	s.Push(t, &pushv1.Update{
		Generation: 1, Full: true,
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: port}},
		Routes:    []*pushv1.Route{split("three", map[string]float64{"a": 1, "b": 1, "c": 1})},
		Pools: []*pushv1.Pool{
			{Name: "a", Endpoints: []*pushv1.Endpoint{one}}, {Name: "b", Endpoints: []*pushv1.Endpoint{one}}, {Name: "c", Endpoints: []*pushv1.Endpoint{one}},
		},
	})
	for range 30 {
		reach(t, port, "one")
	}
	stale := func() map[string]uint64 {
		report := s.Ask(t, &pushv1.ReportRequest{Id: 7, Routes: []string{"ns/r"}})
		found := map[string]uint64{}
		for _, a := range report.GetRoutes()[0].GetArms() {
			found[a.GetArm()] = a.GetStale()
		}
		return found
	}
	if diff := cmp.Diff(map[string]uint64{"a": 0, "b": 0, "c": 0}, stale()); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	next := split("one", map[string]float64{"b": 0, "c": 1})
	next.Migration = &pushv1.Migration{PerSecond: 1e-9}
	s.Push(t, &pushv1.Update{Generation: 2, Routes: []*pushv1.Route{next}})
	if diff := cmp.Diff(map[string]uint64{"a": 10, "b": 10, "c": 0}, stale()); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

func TestReportsCountEndpointsThatAreOut(t *testing.T) {
	w := newWorld(t)
	w.run(t)
	s, port := w.Next(t), uint32(ports.Free(t))
	update := config(1, "r", port, backend(t, "one"))
	update.Pools[0].Endpoints = append(update.Pools[0].Endpoints, &pushv1.Endpoint{Address: "127.0.0.1", Port: uint32(ports.Free(t))})
	update.Pools[0].Settings = &pushv1.PoolSettings{FailureAccrual: &pushv1.FailureAccrual{
		ConsecutiveFailures: 1, MinPenalty: durationpb.New(time.Hour), MaxPenalty: durationpb.New(time.Hour),
	}}
	s.Push(t, update)
	eventually(t, func() error {
		reach(t, port, "one")
		report := s.Ask(t, &pushv1.ReportRequest{Id: 7, Routes: []string{"ns/r"}})
		if n := report.GetRoutes()[0].GetArms()[0].GetEndpointsOut(); n != 1 {
			return fmt.Errorf("%d endpoints are out, want 1", n)
		}
		return nil
	})
}
