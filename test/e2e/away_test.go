//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// away is how long there is no controller before anything else happens.
const away = 30 * time.Second

// testAway: all controllers are away, and the endpoints that were there go on
// being served. A proxy that is deleted meanwhile is replaced by one that serves
// the config which the controller has left for it, and says so. A table can be
// applied, and is in force once the controllers are back.
func (w *world) testAway(t *testing.T) {
	l := w.load(t, perSecond, 3)
	before := w.fleet(t)
	w.untilSaved(t, before.Status.ConfigGeneration)
	w.kubectl(t, "scale", "--namespace", system, "deployment/"+controller, "--replicas=0")
	w.untilControllers(t, 0)
	begun := time.Now()
	throughout(t, away, "all proxies are ready", func() (bool, any) {
		pods := w.proxyPods(t)
		return len(pods) == proxies && !slices.ContainsFunc(pods, notReady), names(pods)
	})
	check(t, "no controller", l.Totals(), false)

	fresh := w.replaceProxy(t, before.Status.ConfigGeneration)
	applying := time.Now()
	w.applyTable(t, "03-quarter.yaml")
	t.Logf("a table is applied after %s", since(applying))
	t.Logf("there has been no controller for %s", since(begun))

	begun = time.Now()
	w.kubectl(t, "scale", "--namespace", system, "deployment/"+controller, "--replicas=2")
	w.untilControllers(t, 2)
	t.Logf("two controllers after %s", since(begun))
	until(t, patience, "the new proxy follows the controller", func() (bool, any) {
		s, err := w.proxyState(t, fresh)
		return err == nil && s.Source == "controller" && s.Controller.Connected, s
	})
	w.untilReconnected(t, nil)
	w.untilSplit(t, "redis2=25% redis1=75%")
	t.Logf("3/3 after %s", since(begun))
	w.applyTable(t, toRedis1)
	w.untilConverged(t)
	l.Stop()
	check(t, "no controller, and a proxy replaced", l.Totals(), true)
}

// untilSaved waits until a new proxy would start with a generation.
func (w *world) untilSaved(t *testing.T, generation int64) {
	t.Helper()
	took := until(t, patience, "the newest config is saved for new proxies", func() (bool, any) {
		var saved corev1.ConfigMap
		must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: fleet + ".config"}, &saved))
		whose, config, err := pushv1.DecodeSaved(saved.BinaryData["config"])
		must(t, err)
		return whose == namespace+"/redis" && int64(config.GetGeneration()) == generation, config.GetGeneration()
	})
	t.Logf("the newest config was saved %s later", took.Round(time.Millisecond))
}

// replaceProxy deletes a proxy, and looks at the one that comes up in its place.
func (w *world) replaceProxy(t *testing.T, generation int64) corev1.Pod {
	t.Helper()
	old := w.proxyPods(t)
	begun := time.Now()
	w.kubectl(t, "delete", "pod", old[0].Name, "--wait=false")
	var fresh corev1.Pod
	until(t, patience, "a new proxy is ready", func() (bool, any) {
		pods := slices.DeleteFunc(w.proxyPods(t), func(p corev1.Pod) bool { return slices.Contains(names(old), p.Name) })
		if len(pods) == 1 {
			fresh = pods[0]
		}
		return len(pods) == 1 && ready(fresh), names(pods)
	})
	t.Logf("a new proxy is ready after %s", since(begun))

	s, err := w.proxyState(t, fresh)
	must(t, err)
	if s.Source != "bootstrap" || s.Controller.Connected || s.Controller.Error == "" || int64(s.Generation) != generation {
		t.Errorf("the new proxy says %+v; want generation %d from bootstrap, and why the controller is away", s, generation)
	}
	if log := w.kubectl(t, "logs", fresh.Name); !strings.Contains(log, "source=bootstrap") || !strings.Contains(log, "controller away") {
		t.Errorf("the new proxy does not say in its log where its config is from, and that the controller is away:\n%s", log)
	}
	until(t, patience, "the new proxy serves connections", func() (bool, any) {
		n := w.accepted(t, fresh, armOfRedis1())
		return n > 0, n
	})
	w.untilGone(t, []string{old[0].Name})
	return fresh
}

func notReady(p corev1.Pod) bool { return !ready(p) }
