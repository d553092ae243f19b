// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// patience is how long the tests wait for what must happen. It is meant for a
// machine that is busy with other things.
const patience = time.Minute

// place is a namespace of a test's own.
type place struct {
	*testing.T
	namespace string
}

// newPlace makes a namespace with a fleet called edge that is ready.
func newPlace(t *testing.T, proxies int32) *place {
	t.Helper()
	p := newNamespace(t)
	edge := p.fleet("edge", proxies)
	p.apply(edge)
	p.expect(edge, ready)
	return p
}

// newNamespace makes a namespace, in which the test leaves nothing of our kinds.
func newNamespace(t *testing.T) *place {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "place-"}}
	if err := w.client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, kind := range []client.Object{&v1alpha1.TCPRoute{}, &v1alpha1.Dtab{}, &v1alpha1.ProxyFleet{}} {
			if err := w.client.DeleteAllOf(ctx, kind, client.InNamespace(namespace.Name)); err != nil {
				t.Error(err)
			}
		}
	})
	return &place{t, namespace.Name}
}

// fleet describes a fleet whose proxies end at once when they are told to.
func (p *place) fleet(name string, proxies int32) *v1alpha1.ProxyFleet {
	f := &v1alpha1.ProxyFleet{ObjectMeta: p.meta(name)}
	f.Spec.Replicas = &proxies
	f.Spec.Drain = &v1alpha1.Drain{Delay: &metav1.Duration{}, Deadline: &metav1.Duration{}}
	return f
}

// route describes a route of the fleet edge to a name.
func (p *place) route(name string, port int32, dst string) *v1alpha1.TCPRoute {
	r := &v1alpha1.TCPRoute{ObjectMeta: p.meta(name)}
	r.Spec = v1alpha1.TCPRouteSpec{FleetRef: v1alpha1.FleetReference{Name: "edge"}, Port: port, Dst: dst}
	return r
}

// routeBy is a route to /svc/x by a table that is called as the route.
func (p *place) routeBy(name string, port int32) *v1alpha1.TCPRoute {
	r := p.route(name, port, "/svc/x")
	r.Spec.DtabRef = &v1alpha1.DtabReference{Name: name}
	return r
}

// table describes a table. Rules are written PREFIX => DST.
func (p *place) table(name string, rules ...string) *v1alpha1.Dtab {
	p.Helper()
	d := &v1alpha1.Dtab{ObjectMeta: p.meta(name)}
	for _, rule := range rules {
		prefix, dst, ok := strings.Cut(rule, " => ")
		if !ok {
			p.Fatalf("no rule: %s", rule)
		}
		d.Spec.Dentries = append(d.Spec.Dentries, v1alpha1.Dentry{Prefix: prefix, Dst: dst})
	}
	return d
}

func (p *place) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: p.namespace, Name: name}
}

// apply makes objects what they are described as, by server-side apply.
func (p *place) apply(objects ...client.Object) {
	p.Helper()
	for _, o := range objects {
		if err := p.tryApply(o); err != nil {
			p.Fatal(err)
		}
	}
}

func (p *place) tryApply(o client.Object) error {
	p.Helper()
	kind, err := w.client.GroupVersionKindFor(o)
	if err != nil {
		return err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	delete(content, "status")
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(kind)
	return w.client.Apply(p.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership)
}

func (p *place) delete(o client.Object) {
	p.Helper()
	if err := w.client.Delete(p.Context(), o); err != nil {
		p.Fatal(err)
	}
}

// get reads an object.
func (p *place) get(o client.Object) {
	p.Helper()
	if err := w.client.Get(p.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		p.Fatal(err)
	}
}

// verdict is a condition that an object should come to have.
type verdict struct {
	condition string
	status    metav1.ConditionStatus
	reason    string
	says      []string // what the message has in it
}

// not is a condition that is false.
func not(condition, reason string, says ...string) verdict {
	return verdict{condition, metav1.ConditionFalse, reason, says}
}

var ready = verdict{condition: v1alpha1.ConditionReady, status: metav1.ConditionTrue, reason: v1alpha1.ReasonReady}

// expect waits until an object has come to a verdict on its newest form, and
// leaves that in o.
func (p *place) expect(o client.Object, verdicts ...verdict) {
	p.Helper()
	for _, v := range verdicts {
		p.eventually(func() error {
			if err := w.client.Get(p.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			return v.of(o)
		})
	}
}

// of says what is wrong with an object that has not come to the verdict.
func (v verdict) of(o client.Object) error {
	c := meta.FindStatusCondition(conditions(o), v.condition)
	name := fmt.Sprintf("%T %s", o, o.GetName())
	switch {
	case c == nil || c.ObservedGeneration != o.GetGeneration():
		return fmt.Errorf("%s: no %s of generation %d yet: %+v", name, v.condition, o.GetGeneration(), conditions(o))
	case c.Status != v.status || c.Reason != v.reason:
		return fmt.Errorf("%s: %s is %s (%s): %s; want %s (%s)", name, c.Type, c.Status, c.Reason, c.Message, v.status, v.reason)
	}
	for _, text := range v.says {
		if !strings.Contains(c.Message, text) {
			return fmt.Errorf("%s: %s says %q, which has no %q", name, c.Type, c.Message, text)
		}
	}
	return nil
}

func conditions(o client.Object) []metav1.Condition {
	switch o := o.(type) {
	case *v1alpha1.TCPRoute:
		return o.Status.Conditions
	case *v1alpha1.Dtab:
		return o.Status.Conditions
	case *v1alpha1.ProxyFleet:
		return o.Status.Conditions
	}
	return nil
}

// eventually waits until check has no complaint.
func (p *place) eventually(check func() error) {
	p.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			p.Fatalf("after %s: %v", patience, err)
		}
	}
}
