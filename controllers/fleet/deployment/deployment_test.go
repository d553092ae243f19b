// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

func TestApplyAgainChangesNothing(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	c.apply(f, 6379)
	made := []client.Object{
		&appsv1.Deployment{}, &corev1.Service{}, &corev1.ServiceAccount{}, &corev1.ConfigMap{}, &policyv1.PodDisruptionBudget{},
	}
	versions := map[int]string{}
	for i, o := range made {
		c.get("wye-edge", o)
		versions[i] = o.GetResourceVersion()
		if ref := metav1.GetControllerOf(o); ref == nil || ref.UID != f.UID || ref.Kind != "ProxyFleet" {
			t.Errorf("%T is owned by %v", o, ref)
		}
	}

	c.apply(f, 6379)
	// A controller that just started knows of no earlier write.
	c.Runtime = New(c.client, c.live, testOptions(), c.ca, c.log)
	if err := c.Apply(t.Context(), f, []int32{6379}); err != nil {
		t.Fatal(err)
	}
	for i, o := range made {
		c.get("wye-edge", o)
		if o.GetResourceVersion() != versions[i] {
			t.Errorf("%T was written again", o)
		}
	}
}

func TestApplyTakesBackWhatOthersChange(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	c.apply(f, 6379)
	d := &appsv1.Deployment{}
	c.get("wye-edge", d)
	d.Spec.Replicas = new(int32(9))
	d.Labels["team"] = "theirs"
	if err := c.live.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.eventually("repair", func() bool {
		c.apply(f, 6379)
		c.get("wye-edge", d)
		return *d.Spec.Replicas == 2
	})
	if d.Labels["team"] != "theirs" {
		t.Errorf("a label of somebody else is gone: %v", d.Labels)
	}
	if err := c.live.Delete(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.eventually("new Deployment", func() bool {
		c.apply(f, 6379)
		return !c.gone("wye-edge", &appsv1.Deployment{})
	})
}

func TestAutoscalerOwnsReplicas(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{Replicas: new(int32(4))})
	replicas := func() int32 {
		d := &appsv1.Deployment{}
		c.get("wye-edge", d)
		return *d.Spec.Replicas
	}
	c.apply(f)

	f.Spec = v1alpha1.ProxyFleetSpec{Autoscaling: &v1alpha1.Autoscaling{MaxReplicas: 10}}
	c.apply(f)
	if got := replicas(); got != 4 {
		t.Errorf("%d replicas once the autoscaler is to take over, want the 4 there were", got)
	}
	c.get("wye-edge", &autoscalingv2.HorizontalPodAutoscaler{})

	c.scale("wye-edge", 7)
	c.apply(f)
	if got := replicas(); got != 7 {
		t.Errorf("%d replicas, want the autoscaler's 7", got)
	}

	f.Spec = v1alpha1.ProxyFleetSpec{Replicas: new(int32(3))}
	c.eventually("fleet of 3 without autoscaler", func() bool {
		c.apply(f)
		return replicas() == 3 && c.gone("wye-edge", &autoscalingv2.HorizontalPodAutoscaler{})
	})
	c.apply(f)
}

func TestAutoscaledFleetBeginsWithItsLeast(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{Autoscaling: &v1alpha1.Autoscaling{MinReplicas: new(int32(3)), MaxReplicas: 10}})
	c.apply(f)
	d := &appsv1.Deployment{}
	c.get("wye-edge", d)
	if *d.Spec.Replicas != 3 || fleet.OwnsField(d, "f:spec", "f:replicas") {
		t.Errorf("%d replicas, owned by the controller: %t", *d.Spec.Replicas, fleet.OwnsField(d, "f:spec", "f:replicas"))
	}
}

func TestServiceOutlivesItsRoutes(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	c.apply(f)
	if !c.gone("wye-edge", &corev1.Service{}) {
		t.Error("a Service without any route")
	}
	c.apply(f, 6379, 7001)
	before, after := &corev1.Service{}, &corev1.Service{}
	c.get("wye-edge", before)

	f.Spec.Service = &v1alpha1.FleetService{Type: corev1.ServiceTypeNodePort}
	c.apply(f)
	c.get("wye-edge", after)
	if after.Spec.Type != corev1.ServiceTypeNodePort || len(after.Spec.Ports) != 2 || after.Spec.ClusterIP != before.Spec.ClusterIP {
		t.Errorf("Service without routes: %+v", after.Spec)
	}
	c.apply(f, 7001)
	c.get("wye-edge", after)
	if len(after.Spec.Ports) != 1 || after.Spec.Ports[0].Port != 7001 {
		t.Errorf("ports %v, want 7001", after.Spec.Ports)
	}
}

func TestServiceAndBudgetChangeShape(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	for _, shape := range []v1alpha1.FleetService{
		{Type: corev1.ServiceTypeLoadBalancer, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal},
		{Type: corev1.ServiceTypeClusterIP},
		{Type: corev1.ServiceTypeNodePort},
		{Type: corev1.ServiceTypeClusterIP, ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal},
	} {
		f.Spec.Service = &shape
		c.apply(f, 6379)
		s := &corev1.Service{}
		c.get("wye-edge", s)
		if s.Spec.Type != shape.Type {
			t.Errorf("type %s, want %s", s.Spec.Type, shape.Type)
		}
	}
	for _, budget := range []v1alpha1.DisruptionBudget{
		{MinAvailable: new(intstr.FromString("50%"))}, {MaxUnavailable: new(intstr.FromInt32(2))},
	} {
		f.Spec.DisruptionBudget = &budget
		c.apply(f, 6379)
		b := &policyv1.PodDisruptionBudget{}
		c.get("wye-edge", b)
		got := v1alpha1.DisruptionBudget{MinAvailable: b.Spec.MinAvailable, MaxUnavailable: b.Spec.MaxUnavailable}
		if diff := cmp.Diff(budget, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLongestNamesAreAccepted(t *testing.T) {
	c := newTestCluster(t)
	name := strings.Repeat("long.name-", 25) + "end"
	f := c.fleet(name, v1alpha1.ProxyFleetSpec{Autoscaling: &v1alpha1.Autoscaling{MaxReplicas: 3}})
	c.apply(f, 6379)
	if err := c.SaveConfig(t.Context(), f, []byte("config")); err != nil {
		t.Error(err)
	}
	d := &appsv1.Deployment{}
	c.get(fleet.Name(name), d)
	if key, ok := fleet.Of(d); !ok || key.Name != name {
		t.Errorf("the Deployment is of fleet %s", key)
	}
}

func TestLowPortsRestartPodsOnce(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	c.apply(f, 443, 6379)
	before, after := &appsv1.Deployment{}, &appsv1.Deployment{}
	c.get("wye-edge", before)
	if !allowsLowPorts(before) {
		t.Error("no sysctl for port 443")
	}
	c.apply(f, 6379)
	c.apply(f)
	c.get("wye-edge", after)
	if diff := cmp.Diff(before.Spec.Template, after.Spec.Template); diff != "" {
		t.Errorf("the pods changed with the ports:\n%s", diff)
	}
}

func TestObjectsOfOthersAreLeftAlone(t *testing.T) {
	c := newTestCluster(t)
	theirs := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "wye-edge"},
		Data:       map[string]string{"ca.crt": "theirs"},
	}
	if err := c.live.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	err := c.Apply(t.Context(), c.fleet("edge", v1alpha1.ProxyFleetSpec{}), nil)
	if err == nil || !strings.Contains(err.Error(), "ConfigMap "+c.namespace+"/wye-edge exists already") {
		t.Errorf("Apply: %v", err)
	}
	c.get("wye-edge", theirs)
	if theirs.Data["ca.crt"] != "theirs" || len(theirs.OwnerReferences) > 0 {
		t.Errorf("taken over: %+v", theirs)
	}
}

func TestOrphansOfTheFleetAreTakenOver(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	c.apply(f)
	d := &appsv1.Deployment{}
	c.get("wye-edge", d)
	d.OwnerReferences = nil
	if err := c.live.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	c.eventually("owner", func() bool {
		c.apply(f)
		c.get("wye-edge", d)
		return metav1.IsControlledBy(d, f)
	})
}

// The namespace enforces the Pod Security Standard "restricted".
func TestPodsAreRestricted(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	pod := c.pod(f, "restricted", Inputs{LowPorts: true})
	if err := c.live.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Error(err)
	}
}

func TestSavedConfigIsTheNewestOrNone(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{})
	saved := &corev1.ConfigMap{}
	save := func(data []byte) {
		t.Helper()
		if err := c.SaveConfig(t.Context(), f, data); err != nil {
			t.Fatal(err)
		}
	}
	save([]byte{1, 2, 0xff})
	c.get("wye-edge.config", saved)
	if !bytes.Equal(saved.BinaryData["config"], []byte{1, 2, 0xff}) {
		t.Errorf("saved %v", saved.BinaryData)
	}
	save(bytes.Repeat([]byte{7}, maxConfig))
	c.get("wye-edge.config", saved)
	if got := len(saved.BinaryData["config"]); got != maxConfig {
		t.Errorf("saved %d bytes, want %d", got, maxConfig)
	}
	c.eventually("removal of what is too large", func() bool {
		save(bytes.Repeat([]byte{7}, maxConfig+1))
		return c.gone("wye-edge.config", &corev1.ConfigMap{})
	})
}

func TestApplyWaitsForTheCA(t *testing.T) {
	c := newTestCluster(t)
	c.ca = func() []byte { return nil }
	if err := c.Apply(t.Context(), c.fleet("edge", v1alpha1.ProxyFleetSpec{}), nil); !errors.Is(err, fleet.ErrNoCA) {
		t.Errorf("Apply: %v", err)
	}
}

// scale does what the autoscaler does.
func (c *testCluster) scale(name string, replicas int32) {
	c.t.Helper()
	d := &appsv1.Deployment{}
	c.get(name, d)
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	if err := c.live.SubResource("scale").Update(c.t.Context(), d, client.WithSubResourceBody(scale)); err != nil {
		c.t.Fatal(err)
	}
}

// pod is a pod of a fleet, as its Deployment would make it.
func (c *testCluster) pod(f *v1alpha1.ProxyFleet, name string, in Inputs) *corev1.Pod {
	template := podTemplate(f, in, testOptions())
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name, Labels: template.Labels},
		Spec:       template.Spec,
	}
}
