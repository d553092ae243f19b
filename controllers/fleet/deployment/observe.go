// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// Observe reads the fleet's Deployment, Service and pods.
func (r *Runtime) Observe(ctx context.Context, f *v1alpha1.ProxyFleet) (fleet.Observed, error) {
	live, err := r.read(ctx, f)
	if err != nil {
		return fleet.Observed{}, err
	}
	pods := &corev1.PodList{}
	choose := labels.SelectorFromSet(fleet.Selector(f.Name))
	if err := r.client.List(ctx, pods, client.InNamespace(f.Namespace), client.MatchingLabelsSelector{Selector: choose}); err != nil {
		return fleet.Observed{}, fmt.Errorf("list the pods of fleet %s/%s: %w", f.Namespace, f.Name, err)
	}

	observed := fleet.Observed{
		Wanted:    fleet.Replicas(f),
		Addresses: addresses(live.service),
		Selector:  choose.String(),
	}
	if d := live.deployment; d != nil {
		if d.Spec.Replicas != nil {
			observed.Wanted = *d.Spec.Replicas
		}
		// Right after a write the cache still shows the Deployment before it.
		observed.Updated = r.writer.Seen(d) && rolledOut(d)
	}
	for i := range pods.Items {
		if since, ok := running(&pods.Items[i]); ok {
			ready, turned := readiness(&pods.Items[i])
			if turned.After(since) {
				since = time.Time{} // it has been ready in the meantime
			}
			observed.Add(pods.Items[i].Name, ready, since, r.now())
		}
	}
	return observed, nil
}

// running tells since when a pod's proxy has been running; false for one that
// is not, not yet, or only until it has drained.
func running(pod *corev1.Pod) (since time.Time, ok bool) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return time.Time{}, false
	}
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		if s.Name == proxyName && s.State.Running != nil && s.Started != nil && *s.Started {
			return s.State.Running.StartedAt.Time, true
		}
	}
	return time.Time{}, false
}

// readiness tells whether a pod is ready, and when that turned; a pod that never
// was ready has turned unready before its containers started.
func readiness(pod *corev1.Pod) (ready bool, turned time.Time) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		}
	}
	return false, time.Time{}
}

// rolledOut tells whether every pod is of the newest template and none is left over.
func rolledOut(d *appsv1.Deployment) bool {
	s := d.Status
	return d.Spec.Replicas != nil && s.ObservedGeneration >= d.Generation &&
		s.UpdatedReplicas == *d.Spec.Replicas && s.Replicas == s.UpdatedReplicas
}

// addresses are a load balancer's as soon as there is one, else the cluster's own.
func addresses(s *corev1.Service) []string {
	if s == nil {
		return nil
	}
	var out []string
	for _, ingress := range s.Status.LoadBalancer.Ingress {
		if ingress.IP != "" {
			out = append(out, ingress.IP)
		} else if ingress.Hostname != "" {
			out = append(out, ingress.Hostname)
		}
	}
	if len(out) > 0 {
		return out
	}
	return slices.DeleteFunc(slices.Clone(s.Spec.ClusterIPs), func(ip string) bool {
		return ip == "" || ip == corev1.ClusterIPNone
	})
}
