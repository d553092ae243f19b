//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// followWithin is the time in which the proxies, and the status, have to follow
// the endpoints of a Service.
const followWithin = 2 * time.Second

// testEndpoints: a Redis is scaled up and down again, and what is behind the
// proxies follows. Connections to a server that ends are lost with it; still
// every command is answered.
func (w *world) testEndpoints(t *testing.T) {
	for _, replicas := range []int{3, 1} {
		l := w.load(t, perSecond, 3)
		w.kubectl(t, "scale", "deployment/redis1", fmt.Sprintf("--replicas=%d", replicas))
		took := until(t, patience, fmt.Sprintf("%d endpoints are in the slices", replicas), func() (bool, any) {
			n := w.inSlices(t, "redis1")
			return n == replicas, n
		})
		t.Logf("%d endpoints in the slices after %s", replicas, took.Round(time.Millisecond))
		w.endpointsFollow(t, replicas)
		until(t, patience, "no other server runs", func() (bool, any) {
			n := len(w.podsAndGoing(t, namespace, "app", "redis1"))
			return n == replicas, n
		})
		l.Stop()
		check(t, fmt.Sprintf("to %d replicas", replicas), l.Totals(), replicas == 1)
	}
}

// endpointsFollow waits until proxies, status and connections have followed the slices.
func (w *world) endpointsFollow(t *testing.T, want int) {
	t.Helper()
	begun := time.Now()
	var inProxies, inStatus, inUse time.Duration
	note := func(took *time.Duration, ok bool) {
		if ok && *took == 0 {
			*took = since(begun)
		}
	}
	until(t, followWithin, fmt.Sprintf("%d endpoints in proxies and status, and in use", want), func() (bool, any) {
		var available []int
		for _, pod := range w.proxyPods(t) {
			available = append(available, w.available(t, pod, armOfRedis1()))
		}
		arms, used := w.view(t).Route.Status.Arms, w.inUse(t)
		note(&inProxies, slices.Equal(available, slices.Repeat([]int{want}, proxies)))
		note(&inStatus, len(arms) == 1 && int(arms[0].Ready) == want)
		note(&inUse, used == want)
		return inProxies > 0 && inStatus > 0 && inUse > 0, []any{available, arms, used}
	})
	t.Logf("%d endpoints after the slices had them: in all proxies %s, in the status %s, in use %s", want, inProxies, inStatus, inUse)
}

// inUse counts the servers of redis1 that commands have reached.
func (w *world) inUse(t *testing.T) int {
	t.Helper()
	used := 0
	for _, pod := range w.pods(t, namespace, "app", "redis1") {
		c := direct(pod)
		if n, err := c.Exists(t.Context(), "e2e").Result(); err == nil && n == 1 {
			used++
		}
		c.Close()
	}
	return used
}

// inSlices counts the endpoints of a Service that take connections.
func (w *world) inSlices(t *testing.T, service string) int {
	t.Helper()
	var list discoveryv1.EndpointSliceList
	must(t, w.client.List(t.Context(), &list, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service}))
	n := 0
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				n++
			}
		}
	}
	return n
}
