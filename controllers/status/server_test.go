// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/test/kube"
)

// TestOnAnAPIServer holds the writer against a real server, with the kinds' schemas.
func TestOnAnAPIServer(t *testing.T) {
	w, set := onServer(t)
	t.Run("takes the largest statuses", func(t *testing.T) { takesTheLargest(t, w, set) })
	t.Run("drops a status of an older object", func(t *testing.T) { dropsTheOlder(t, w) })
}

// takesTheLargest writes what is longest of everything, and finds the Event that
// belongs to it.
func takesTheLargest(t *testing.T, w *Writer, set kubernetes.Interface) {
	fleetRef := v1alpha1.FleetReference{Name: "edge"}
	meta := metav1.ObjectMeta{Namespace: "default", Name: "redis"}
	r := &v1alpha1.TCPRoute{ObjectMeta: meta, Spec: v1alpha1.TCPRouteSpec{FleetRef: fleetRef, Port: 6379, Dst: "/svc/redis"}}
	d := &v1alpha1.Dtab{ObjectMeta: meta}
	f := &v1alpha1.ProxyFleet{ObjectMeta: meta}
	for _, o := range []client.Object{r, d, f} {
		if err := w.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	v, p, o := enormous(r)
	if err := w.Route(t.Context(), r, Route(v, p, o, metav1.Now())); err != nil {
		t.Error(err)
	}
	v.Dtab = new(client.ObjectKeyFromObject(d))
	if err := w.Dtab(t.Context(), d, Dtab(d, []Use{{Verdicts: []translate.Verdict{v}, Progress: p, Observed: o}}, metav1.Now())); err != nil {
		t.Error(err)
	}
	if err := w.Fleet(t.Context(), f, Fleet(FleetState{Fleet: f, Verdicts: []translate.Verdict{v}, Progress: p, Observed: o}, metav1.Now())); err != nil {
		t.Error(err)
	}
	event := findEvent(t, set, "TCPRoute", v1alpha1.ReasonPortUnavailable)
	if event.Type != "Warning" || !strings.Contains(event.Note, "says: äää") {
		t.Errorf("event %s %q", event.Type, event.Note)
	}
}

func dropsTheOlder(t *testing.T, w *Writer) {
	d := &v1alpha1.Dtab{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "default"}}
	if err := w.Client.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	old := d.DeepCopy()
	d.Spec.Dentries = []v1alpha1.Dentry{{Prefix: "/a", Dst: "/b"}}
	if err := w.Client.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		base *v1alpha1.Dtab
		want int64 // observed generation after it
	}{{old, 0}, {d, 2}} {
		if err := w.Dtab(t.Context(), step.base, Dtab(step.base, nil, metav1.Now())); err != nil {
			t.Fatal(err)
		}
		got := &v1alpha1.Dtab{}
		if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(d), got); err != nil {
			t.Fatal(err)
		}
		if got.Status.ObservedGeneration != step.want {
			t.Errorf("observed generation %d, want %d", got.Status.ObservedGeneration, step.want)
		}
	}
}

// enormous is a verdict with the longest of everything, on a port that many
// proxies cannot open.
func enormous(r *v1alpha1.TCPRoute) (translate.Verdict, publish.Progress, fleet.Observed) {
	v, long := verdict(), strings.Repeat("ä", 3000)
	v.Route, v.Split, v.Destination, v.Arms = r, long, long, nil
	v.Resolved.Message = long
	for range 100 {
		v.Arms = append(v.Arms, v1alpha1.ArmStatus{Name: long, Bound: long, Weight: "1", Share: "1%", Ready: 1})
	}
	name := r.Namespace + "/" + r.Name
	p := publish.Progress{Generation: 1 << 40, Hash: "beef", Routes: map[string]publish.Route{name: {Hash: "beef", Since: 1}}}
	var o fleet.Observed
	for i := range 40 {
		pod := fmt.Sprintf("%s-%d", strings.Repeat("p", 240), i)
		o.Proxies = append(o.Proxies, pod)
		o.Addresses = append(o.Addresses, fmt.Sprintf("10.0.0.%d", i))
		if i%2 == 0 {
			refusal := &pushv1.Refusal{Reason: pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE, Message: long}
			p.Proxies = append(p.Proxies, publish.Proxy{Pod: pod, Acked: 1 << 40, Refused: map[string]*pushv1.Refusal{name: refusal}})
		}
	}
	return v, p, o
}

// onServer is a Writer on a real API server with Wye's kinds.
func onServer(t *testing.T) (*Writer, kubernetes.Interface) {
	t.Helper()
	env, err := kube.Start(t.Context(), kube.Options{CRDs: []string{"../../config/crd/bases"}})
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(env.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	set := kubernetes.NewForConfigOrDie(env.Config)
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: set.EventsV1()})
	if err := broadcaster.StartRecordingToSinkWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		broadcaster.Shutdown()
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &Writer{Client: c, Events: broadcaster.NewRecorder(scheme, "wye-test")}, set
}

// findEvent waits for an Event on an object of a kind, for a reason.
func findEvent(t *testing.T, set kubernetes.Interface, kind, reason string) (found eventsv1.Event) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		list, err := set.EventsV1().Events("default").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, e := range list.Items {
			if e.Regarding.Kind == kind && e.Reason == reason {
				found = e
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("no event on a %s for %s: %v", kind, reason, err)
	}
	return found
}
