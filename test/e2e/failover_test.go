//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// steady is how long nothing may change after a fail-over. A new leader reports
// what it sees 10 s after it took over at the latest.
const steady = 15 * time.Second

// testFailover: the leading controller is deleted, and the other one goes on.
// Nothing is published anew, no status changes, no connection is lost.
func (w *world) testFailover(t *testing.T) {
	l := w.load(t, perSecond, 0)
	before, sessions := w.fleet(t), w.sessions(t)
	leader := w.leader(t)
	statuses := w.recordStatuses(t)

	begun := time.Now()
	w.kubectl(t, "delete", "pod", "--namespace", system, leader, "--wait=false")
	until(t, patience, "another controller leads", func() (bool, any) {
		now := w.leader(t)
		return now != "" && now != leader, now
	})
	t.Logf("another controller leads after %s", since(begun))
	w.untilReconnected(t, sessions)
	t.Logf("all proxies are connected to it after %s", since(begun))
	throughout(t, steady, "the config is what it was", func() (bool, any) {
		now := w.fleet(t)
		return now.Status.ConfigGeneration == before.Status.ConfigGeneration && now.Status.ConfigHash == before.Status.ConfigHash, now.Status
	})
	for kind, forms := range statuses() {
		if len(forms) != 1 {
			t.Errorf("the status of the %s changed:\n%s", kind, strings.Join(forms, "\n"))
		}
	}

	begun = time.Now()
	w.applyTable(t, "03-quarter.yaml")
	w.untilSplit(t, "redis2=25% redis1=75%")
	t.Logf("the new leader has brought a table to all proxies after %s", since(begun))
	if now := w.fleet(t).Status.ConfigGeneration; now != before.Status.ConfigGeneration+1 {
		t.Errorf("the config went from generation %d to %d by one change", before.Status.ConfigGeneration, now)
	}
	w.applyTable(t, toRedis1)
	w.untilConverged(t)
	w.untilControllers(t, 2)
	l.Stop()
	check(t, "fail-over", l.Totals(), false)
}

// leader is the name of the pod that holds the lease, empty for none.
func (w *world) leader(t *testing.T) string {
	t.Helper()
	var lease coordinationv1.Lease
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: system, Name: "wye-controller"}, &lease))
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod
}

// sessions says since when each proxy has been connected to a controller.
func (w *world) sessions(t *testing.T) map[string]time.Time {
	t.Helper()
	sessions := map[string]time.Time{}
	for _, pod := range w.proxyPods(t) {
		if s, err := w.proxyState(t, pod); err == nil && s.Controller.Connected {
			sessions[pod.Name] = s.Controller.Since
		}
	}
	return sessions
}

// untilReconnected waits until every proxy is connected by another session than before.
func (w *world) untilReconnected(t *testing.T, before map[string]time.Time) {
	t.Helper()
	until(t, patience, "every proxy is connected anew", func() (bool, any) {
		now := w.sessions(t)
		maps.DeleteFunc(now, func(pod string, since time.Time) bool { return before[pod].Equal(since) })
		return len(now) == proxies, now
	})
}

func (w *world) untilControllers(t *testing.T, n int) {
	t.Helper()
	until(t, patience, "the controllers are as many as wanted, and ready", func() (bool, any) {
		pods := w.podsAndGoing(t, system, "app.kubernetes.io/name", "wye-controller")
		return len(pods) == n && !slices.ContainsFunc(pods, notReady), names(pods)
	})
}

// recordStatuses follows the statuses of fleet, route and table. The returned
// function ends that, and gives the forms that each had, one after the other.
func (w *world) recordStatuses(t *testing.T) (stop func() map[string][]string) {
	t.Helper()
	forms := [3][]string{}
	see := func(i int, status any) {
		text, err := json.Marshal(status)
		if err == nil && (len(forms[i]) == 0 || forms[i][len(forms[i])-1] != string(text)) {
			forms[i] = append(forms[i], string(text))
		}
	}
	stops := []func(){
		w.follow(t, &v1alpha1.ProxyFleetList{}, "redis", func(o client.Object) { see(0, o.(*v1alpha1.ProxyFleet).Status) }),
		w.follow(t, &v1alpha1.TCPRouteList{}, "redis", func(o client.Object) { see(1, o.(*v1alpha1.TCPRoute).Status) }),
		w.follow(t, &v1alpha1.DtabList{}, "default", func(o client.Object) { see(2, o.(*v1alpha1.Dtab).Status) }),
	}
	return func() map[string][]string {
		for _, stop := range stops {
			stop()
		}
		return map[string][]string{"fleet": forms[0], "route": forms[1], "table": forms[2]}
	}
}
