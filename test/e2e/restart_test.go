//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// testRestart: all proxies are replaced while clients that reconnect use them.
// No command fails, there are never fewer proxies than wanted, and each old one
// drains: it ends by itself and says that it went well.
func (w *world) testRestart(t *testing.T) {
	l := w.load(t, perSecond, 3)
	generation := w.fleet(t).Status.ConfigGeneration
	old := names(w.proxyPods(t))
	lowest := int32(proxies)
	stopDeployment := w.follow(t, &appsv1.DeploymentList{}, fleet, func(o client.Object) {
		lowest = min(lowest, o.(*appsv1.Deployment).Status.AvailableReplicas)
	})
	codes := map[string]int32{} // pod -> exit code
	stopPods := w.follow(t, &corev1.PodList{}, "", func(o client.Object) {
		for _, s := range o.(*corev1.Pod).Status.ContainerStatuses {
			if s.State.Terminated != nil {
				codes[o.GetName()] = s.State.Terminated.ExitCode
			}
		}
	})

	begun := time.Now()
	w.kubectl(t, "rollout", "restart", "deployment/"+fleet)
	w.kubectl(t, "rollout", "status", "deployment/"+fleet, "--timeout=2m")
	t.Logf("three new proxies after %s", since(begun))
	w.untilGone(t, old)
	t.Logf("the old ones had drained after %s", since(begun))
	w.untilConverged(t)
	l.Stop()
	stopDeployment()
	stopPods()

	check(t, "rolling restart", l.Totals(), true)
	if lowest < proxies {
		t.Errorf("only %d of %d proxies were available for a while", lowest, proxies)
	}
	for _, pod := range old {
		if code, ended := codes[pod]; !ended || code != 0 {
			t.Errorf("proxy %s did not end well: ended %v, exit code %d", pod, ended, code)
		}
	}
	if now := w.fleet(t).Status.ConfigGeneration; now != generation {
		t.Errorf("the config went from generation %d to %d, and nothing of it had changed", generation, now)
	}
}

// testEviction: one proxy may be evicted, and no second one before it is replaced.
func (w *world) testEviction(t *testing.T) {
	l := w.load(t, perSecond, 3)
	pods := w.proxyPods(t)
	until(t, patience, "the budget allows an eviction", func() (bool, any) {
		var budget policyv1.PodDisruptionBudget
		must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: fleet}, &budget))
		return budget.Status.DisruptionsAllowed == 1, budget.Status
	})
	begun := time.Now()
	if err := w.evict(t, pods[0]); err != nil {
		t.Errorf("the first eviction: %v", err)
	}
	if err := w.evict(t, pods[1]); !apierrors.IsTooManyRequests(err) {
		t.Errorf("the second eviction, which the budget does not allow: %v", err)
	}
	w.untilGone(t, []string{pods[0].Name})
	t.Logf("the evicted proxy had drained after %s", since(begun))
	w.untilConverged(t)
	l.Stop()
	check(t, "eviction", l.Totals(), true)
}

func (w *world) evict(t *testing.T, pod corev1.Pod) error {
	return w.client.SubResource("eviction").Create(t.Context(), &pod, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
	})
}

// untilGone waits for the end of proxies.
func (w *world) untilGone(t *testing.T, pods []string) {
	t.Helper()
	until(t, patience, "the old proxies are gone", func() (bool, any) {
		left := names(w.podsAndGoing(t, namespace, "app.kubernetes.io/name", "wye-proxy"))
		return !slices.ContainsFunc(left, func(name string) bool { return slices.Contains(pods, name) }), left
	})
}

func names(pods []corev1.Pod) []string {
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	return names
}
