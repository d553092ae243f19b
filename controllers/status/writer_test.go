// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestWriterWritesOnlyWhatDiffersAndTellsWhatTurned(t *testing.T) {
	w := newWriter(t, interceptor.Funcs{})
	r := w.route(t)
	well := conditions(nil, 1, at(1), verdict().Accepted, verdict().Resolved,
		judgement{Type: "Programmed", True: true, Reason: "Programmed"}, judgement{Type: "Ready", True: true, Reason: "Ready", Message: "3 of 3"})

	steps := []struct {
		reason string
		next   v1alpha1.TCPRouteStatus
		wrote  bool
		want   []string
	}{
		{"of a new object only Ready is news", v1alpha1.TCPRouteStatus{Conditions: well, Split: "a=100%"}, true, []string{"Normal Ready Ready is True: 3 of 3"}},
		{"the same again", v1alpha1.TCPRouteStatus{Conditions: well, Split: "a=100%", Arms: []v1alpha1.ArmStatus{}}, false, nil},
		{"another split is no turn", v1alpha1.TCPRouteStatus{Conditions: well, Split: "b=100%"}, true, nil},
		{
			"a port is taken",
			v1alpha1.TCPRouteStatus{Split: "b=100%", Conditions: conditions(well, 1, at(2), verdict().Accepted, verdict().Resolved,
				judgement{Type: "Programmed", Reason: "PortUnavailable", Message: "in use"}, judgement{Type: "Ready", Reason: "PortUnavailable", Message: "in use"})},
			true,
			[]string{"Warning PortUnavailable Programmed is False: in use", "Warning PortUnavailable Ready is False: in use"},
		},
		{
			"another reason is no turn",
			v1alpha1.TCPRouteStatus{Split: "b=100%", Conditions: conditions(well, 1, at(2), verdict().Accepted, verdict().Resolved,
				judgement{Type: "Programmed", Reason: "Pending", Message: "1 of 3"}, judgement{Type: "Ready", Unknown: true, Reason: "Pending", Message: "1 of 3"})},
			true, nil,
		},
		{
			"what passes by itself is no warning",
			v1alpha1.TCPRouteStatus{Conditions: conditions(nil, 1, at(3), verdict().Accepted, verdict().Resolved,
				judgement{Type: "Programmed", True: true, Reason: "Programmed", Message: "x"}, judgement{Type: "Ready", Reason: "Pending", Message: "y"})},
			true,
			[]string{"Normal Programmed Programmed is True: x", "Normal Pending Ready is False: y"},
		},
	}
	for _, step := range steps {
		version := r.ResourceVersion
		if err := w.Route(t.Context(), r, step.next); err != nil {
			t.Fatalf("%s: %v", step.reason, err)
		}
		r = w.get(t)
		if wrote := r.ResourceVersion != version; wrote != step.wrote {
			t.Errorf("%s: wrote %v", step.reason, wrote)
		}
		if r.Status.Split != step.next.Split {
			t.Errorf("%s: split %q", step.reason, r.Status.Split)
		}
		if diff := cmp.Diff(step.want, w.told()); diff != "" {
			t.Errorf("%s:\n%s", step.reason, diff)
		}
	}
}

func TestWriterDropsWhatComesTooLate(t *testing.T) {
	w := newWriter(t, interceptor.Funcs{})
	old := w.route(t)
	changed := w.get(t)
	changed.Spec.Port = 7000
	if err := w.Client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	next := v1alpha1.TCPRouteStatus{Split: "late", Conditions: conditions(nil, 1, at(1), unresolved)}
	if err := w.Route(t.Context(), old, next); err != nil {
		t.Errorf("object changed meanwhile: %v", err)
	}
	if got := w.get(t).Status.Split; got != "" {
		t.Errorf("a status of an older spec was written: %q", got)
	}
	if err := w.Client.Delete(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := w.Route(t.Context(), old, next); err != nil {
		t.Errorf("object gone meanwhile: %v", err)
	}
	if told := w.told(); told != nil {
		t.Errorf("events of what was not written: %q", told)
	}
}

func TestWriterReportsOtherErrors(t *testing.T) {
	away := errors.New("connection refused")
	w := newWriter(t, interceptor.Funcs{SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
		return away
	}})
	err := w.Route(t.Context(), w.route(t), v1alpha1.TCPRouteStatus{Split: "x"})
	if !errors.Is(err, away) || !strings.Contains(err.Error(), "TCPRoute prod/redis") {
		t.Errorf("error %v", err)
	}
}

func TestWriterDoesNotChangeTheObjectOfTheCache(t *testing.T) {
	w := newWriter(t, interceptor.Funcs{})
	r := w.route(t)
	before := r.DeepCopy()
	if err := w.Route(t.Context(), r, v1alpha1.TCPRouteStatus{Split: "x"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, r); diff != "" {
		t.Error(diff)
	}
}

func TestWriterWritesDtabsAndFleets(t *testing.T) {
	w := newWriter(t, interceptor.Funcs{})
	d := &v1alpha1.Dtab{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "default"}}
	f := &v1alpha1.ProxyFleet{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "edge"}}
	for _, o := range []client.Object{d, f} {
		if err := w.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Dtab(t.Context(), d, Dtab(d, nil, at(1))); err != nil {
		t.Fatal(err)
	}
	if err := w.Fleet(t.Context(), f, Fleet(FleetState{Fleet: f}, at(1))); err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{d, f} {
		if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			t.Fatal(err)
		}
	}
	if d.Status.Converged != "0/0" || len(d.Status.Conditions) != 3 || f.Status.Converged != "0/0" || len(f.Status.Conditions) != 4 {
		t.Errorf("Dtab %+v, ProxyFleet %+v", d.Status, f.Status)
	}
	want := []string{"Normal Ready Ready is True: no route that is served uses this table", "Warning Unavailable Ready is False: the spec asks for no proxies"}
	if diff := cmp.Diff(want, w.told()); diff != "" {
		t.Error(diff)
	}
	// Written once, the same is not written again.
	for _, err := range []error{w.Dtab(t.Context(), d, Dtab(d, nil, at(2))), w.Fleet(t.Context(), f, Fleet(FleetState{Fleet: f}, at(2)))} {
		if err != nil {
			t.Error(err)
		}
	}
	if told := w.told(); told != nil {
		t.Errorf("told again: %q", told)
	}
}

// writer is a Writer on an API server in memory, with what it told.
type writer struct {
	Writer
	recorder *events.FakeRecorder
}

func newWriter(t *testing.T, funcs interceptor.Funcs) *writer {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(funcs).
		WithStatusSubresource(&v1alpha1.TCPRoute{}, &v1alpha1.Dtab{}, &v1alpha1.ProxyFleet{}).Build()
	recorder := events.NewFakeRecorder(100)
	return &writer{Writer{Client: c, Events: recorder}, recorder}
}

func (w *writer) route(t *testing.T) *v1alpha1.TCPRoute {
	t.Helper()
	r := &v1alpha1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: "redis"}}
	if err := w.Client.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *writer) get(t *testing.T) *v1alpha1.TCPRoute {
	t.Helper()
	r := &v1alpha1.TCPRoute{}
	if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: "prod", Name: "redis"}, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// told are the events since the last call.
func (w *writer) told() []string {
	var list []string
	for len(w.recorder.Events) > 0 {
		list = append(list, <-w.recorder.Events)
	}
	return list
}
