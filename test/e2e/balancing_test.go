//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
)

// testBalancing: with ConsistentHash this machine, one client, has one server. While
// others come and go it stays there; it moves only to one that is new, or when its
// own is gone.
func (w *world) testBalancing(t *testing.T) {
	const hash = "BALANCING_POLICY_CONSISTENT_HASH"
	w.scaleRedis(t, 3)
	w.balance(t, `{"policy": "ConsistentHash"}`)
	w.untilConfig(t, "balancing by hash", func(text string) bool { return strings.Contains(text, hash) })
	before, homes := w.runIDs(t), w.homes(t)
	for _, replicas := range []int{5, 2, 4} {
		w.scaleRedis(t, replicas)
		now, next := w.runIDs(t), w.homes(t)
		t.Logf("%d servers; through each proxy the client is at %v", replicas, next)
		for proxy, home := range homes {
			if to := next[proxy]; to != home && now[home] && before[to] {
				t.Errorf("to %d servers, through %s: the client went from %s, which is still there, to %s, which was there", replicas, proxy, home, to)
			}
		}
		before, homes = now, next
	}
	w.balance(t, "null")
	w.untilConfig(t, "balancing as by default", func(text string) bool { return !strings.Contains(text, hash) })
	w.scaleRedis(t, 1)
}

// balance sets how the route chooses endpoints.
func (w *world) balance(t *testing.T, spec string) {
	t.Helper()
	w.kubectl(t, "patch", "tcproute.wye.dev/redis", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"loadBalancing":%s}}`, spec))
}

// untilConfig waits until the config of every proxy is as wanted.
func (w *world) untilConfig(t *testing.T, what string, is func(text string) bool) {
	t.Helper()
	until(t, patience, what, func() (bool, any) {
		for _, pod := range w.proxyPods(t) {
			if text, err := ask(t, pod, "/config"); err != nil || !is(text) {
				return false, []any{pod.Name, err, text}
			}
		}
		return true, nil
	})
}

// scaleRedis waits until redis1 has so many servers, all proxies know, and the status says so.
func (w *world) scaleRedis(t *testing.T, replicas int) {
	t.Helper()
	w.kubectl(t, "scale", "deployment/redis1", fmt.Sprintf("--replicas=%d", replicas))
	until(t, patience, fmt.Sprintf("%d servers run, and the proxies know", replicas), func() (bool, any) {
		counts := []int{w.inSlices(t, "redis1"), len(w.podsAndGoing(t, namespace, "app", "redis1"))}
		for _, pod := range w.proxyPods(t) {
			counts = append(counts, w.available(t, pod, armOfRedis1()))
		}
		return slices.Equal(counts, slices.Repeat([]int{replicas}, 2+proxies)), counts
	})
	w.untilReported(t)
}

// runIDs are those of the servers of redis1.
func (w *world) runIDs(t *testing.T) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for _, pod := range w.pods(t, namespace, "app", "redis1") {
		ids[runID(t, net.JoinHostPort(pod.Status.PodIP, "6379"))] = true
	}
	return ids
}

// homes is the server that this machine gets each time, through each proxy. (They
// agree on it if they see the same address of this machine, as on one node.)
func (w *world) homes(t *testing.T) map[string]string {
	t.Helper()
	homes := map[string]string{}
	for _, pod := range w.proxyPods(t) {
		home := runID(t, proxyAddress(pod))
		for range 10 {
			if id := runID(t, proxyAddress(pod)); id != home {
				t.Fatalf("through %s, one client is at %s and at %s", pod.Name, home, id)
			}
		}
		homes[pod.Name] = home
	}
	return homes
}

func proxyAddress(pod corev1.Pod) string { return net.JoinHostPort(pod.Status.PodIP, "7474") }

// runID is that of the Redis at an address, by a connection of its own.
func runID(t *testing.T, address string) string {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: address, Protocol: 2, DisableIdentity: true, DialTimeout: 10 * time.Second})
	defer c.Close()
	text, err := c.Info(t.Context(), "server").Result()
	must(t, err)
	for line := range strings.Lines(text) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok {
			return id
		}
	}
	t.Fatalf("no run_id from %s:\n%s", address, text)
	return ""
}
