//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/story"
)

const (
	// patience is how long the tests wait for what must happen some time.
	patience = time.Minute
	// poll is how often they look.
	poll = 20 * time.Millisecond
)

// until waits for a condition, and returns how long it took. state is what
// is seen instead of it, for people.
func until(t *testing.T, within time.Duration, what string, met func() (ok bool, state any)) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ok, state := met()
		took := time.Since(begun)
		if ok {
			return took
		}
		if took > within {
			t.Fatalf("after %s, not so: %s; instead %+v", within, what, state)
		}
		<-tick.C
	}
}

// throughout holds t up for so long, and fails as soon as a condition does not hold.
func throughout(t *testing.T, long time.Duration, what string, holds func() (ok bool, state any)) {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for time.Since(begun) < long {
		if ok, state := holds(); !ok {
			t.Fatalf("after %s, no longer so: %s; instead %+v", since(begun), what, state)
		}
		<-tick.C
	}
}

// untilConverged waits until the fleet is complete and every proxy serves the
// table as it was applied last.
func (w *world) untilConverged(t *testing.T) {
	t.Helper()
	until(t, patience, "the fleet is ready and all proxies serve the table", func() (bool, any) {
		f, v := w.fleet(t), w.view(t)
		table := meta.FindStatusCondition(v.Table.Status.Conditions, v1alpha1.ConditionProgrammed)
		ok := meta.IsStatusConditionTrue(f.Status.Conditions, v1alpha1.ConditionReady) &&
			table != nil && table.ObservedGeneration == v.Table.Generation &&
			allOf(f.Status.Proxies) && allOf(v.Route.Status.Proxies) && allOf(v.Table.Status.Proxies)
		return ok, []any{f.Status, v.Route.Status, v.Table.Status}
	})
}

// untilReported waits until the fleet's status is about the config that every proxy has.
func (w *world) untilReported(t *testing.T) {
	t.Helper()
	until(t, patience, "the status is about the newest config", func() (bool, any) {
		status := w.fleet(t).Status
		for _, pod := range w.proxyPods(t) {
			var config struct{ Generation int64 }
			if text, err := ask(t, pod, "/config"); err != nil || json.Unmarshal([]byte(text), &config) != nil {
				return false, []any{pod.Name, err, text}
			}
			if config.Generation != status.ConfigGeneration {
				return false, []any{pod.Name, config, status.ConfigGeneration}
			}
		}
		return allOf(status.Proxies), status
	})
}

// untilSplit waits until every proxy splits connections like that.
func (w *world) untilSplit(t *testing.T, split string) {
	t.Helper()
	until(t, patience, "all proxies serve "+split, func() (bool, any) {
		status := w.view(t).Route.Status
		return status.Split == split && allOf(status.Proxies), status
	})
}

func allOf(c v1alpha1.ProxyCounts) bool { return c.Total == proxies && c.Converged == proxies }

func (w *world) fleet(t *testing.T) v1alpha1.ProxyFleet {
	t.Helper()
	var f v1alpha1.ProxyFleet
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "redis"}, &f))
	return f
}

func (w *world) view(t *testing.T) story.View {
	t.Helper()
	var v story.View
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: story.Route}, &v.Route))
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: story.Table}, &v.Table))
	return v
}

func since(begun time.Time) time.Duration { return time.Since(begun).Round(time.Millisecond) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
