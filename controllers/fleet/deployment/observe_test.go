// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

func TestObserveCountsPodsThatRun(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{Replicas: new(int32(4))})
	c.apply(f, 6379)
	now := time.Now().Truncate(time.Second)
	c.now = func() time.Time { return now }

	c.run(f, "ready", now, true)
	c.run(f, "lost", now.Add(-time.Minute), false)
	c.run(f, "starting", now.Add(-4*time.Second), false)
	hung := c.run(f, "hung", now.Add(-4*time.Second), false)
	hung.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(-2 * time.Second))
	c.setStatus(hung)
	terminating := c.run(f, "terminating", now.Add(-time.Minute), true)
	if err := c.live.Delete(t.Context(), terminating); err != nil {
		t.Fatal(err)
	}
	waiting := c.run(f, "crashed", now.Add(-time.Minute), false)
	waiting.Status.ContainerStatuses[0].State = corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"},
	}
	c.setStatus(waiting)
	c.create(c.pod(f, "pending", Inputs{}))
	c.run(c.fleet("other", v1alpha1.ProxyFleetSpec{}), "of-another-fleet", now, true)

	want := fleet.Observed{
		Wanted:   4,
		Proxies:  []string{"hung", "lost", "ready"},
		Ready:    1,
		Selector: "app.kubernetes.io/instance=edge,app.kubernetes.io/name=wye-proxy",
		Recheck:  6 * time.Second,
	}
	s := &corev1.Service{}
	c.get("wye-edge", s)
	want.Addresses = s.Spec.ClusterIPs
	c.observe(f, want)
}

func TestObserveKnowsWhenTheNewestSpecIsOut(t *testing.T) {
	c := newTestCluster(t)
	f := c.fleet("edge", v1alpha1.ProxyFleetSpec{Replicas: new(int32(1))})
	selector := "app.kubernetes.io/instance=edge,app.kubernetes.io/name=wye-proxy"
	c.apply(f)
	c.observe(f, fleet.Observed{Wanted: 1, Selector: selector})
	c.rollOut("wye-edge", 1, 1)
	c.observe(f, fleet.Observed{Wanted: 1, Updated: true, Selector: selector})

	c.rollOut("wye-edge", 2, 1)
	c.observe(f, fleet.Observed{Wanted: 1, Selector: selector})

	c.rollOut("wye-edge", 1, 1)
	c.observe(f, fleet.Observed{Wanted: 1, Updated: true, Selector: selector})
	f.Spec.Drain = &v1alpha1.Drain{Deadline: &metav1.Duration{}}
	if err := c.Apply(t.Context(), f, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Observe(t.Context(), f); err != nil || got.Updated {
		t.Errorf("right after a change of the spec: %+v %v", got, err)
	}
}

func TestAddressesAreTheLoadBalancersOnceItIsThere(t *testing.T) {
	s := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.0.0.1", "fd00::1"}}}
	if diff := cmp.Diff([]string{"10.0.0.1", "fd00::1"}, addresses(s)); diff != "" {
		t.Error(diff)
	}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}, {Hostname: "lb.example.com"}}
	if diff := cmp.Diff([]string{"192.0.2.1", "lb.example.com"}, addresses(s)); diff != "" {
		t.Error(diff)
	}
	if got := addresses(nil); got != nil {
		t.Errorf("addresses without a Service: %v", got)
	}
}

// observe waits until the cache shows what is wanted.
func (c *testCluster) observe(f *v1alpha1.ProxyFleet, want fleet.Observed) {
	c.t.Helper()
	var diff string
	defer func() {
		if c.t.Failed() {
			c.t.Log(diff)
		}
	}()
	c.eventually("observation as wanted", func() bool {
		got, err := c.Observe(c.t.Context(), f)
		if err != nil {
			c.t.Fatal(err)
		}
		diff = cmp.Diff(want, got)
		return diff == ""
	})
}

// run makes a pod whose proxy has been running since a time.
func (c *testCluster) run(f *v1alpha1.ProxyFleet, name string, since time.Time, ready bool) *corev1.Pod {
	c.t.Helper()
	pod := c.pod(f, name, Inputs{})
	pod.Spec.NodeName = "node" // a pod on a node stays until its kubelet has ended it
	c.create(pod)
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	pod.Status = corev1.PodStatus{
		Phase:      corev1.PodRunning,
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "proxy", Started: new(true), Ready: ready,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}},
		}},
	}
	c.setStatus(pod)
	return pod
}

func (c *testCluster) create(pod *corev1.Pod) {
	c.t.Helper()
	if err := c.live.Create(c.t.Context(), pod); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testCluster) setStatus(pod *corev1.Pod) {
	c.t.Helper()
	if err := c.live.Status().Update(c.t.Context(), pod); err != nil {
		c.t.Fatal(err)
	}
}

// rollOut does what the Deployment's controller does.
func (c *testCluster) rollOut(name string, replicas, updated int32) {
	c.t.Helper()
	d := &appsv1.Deployment{}
	c.get(name, d)
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: replicas, UpdatedReplicas: updated}
	if err := c.live.Status().Update(c.t.Context(), d); err != nil {
		c.t.Fatal(err)
	}
}
