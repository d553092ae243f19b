//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// testPaused: of three servers one is paused. Kubernetes takes it for ready, since its
// kernel still accepts; the proxies' checks do not, and take it out. New connections
// are all answered then, and when it goes on it is back.
func (w *world) testPaused(t *testing.T) {
	w.scaleRedis(t, 3)
	w.checkHealth(t, `{"send": "PING\r\n", "expect": "+PONG", "interval": "500ms", "timeout": "500ms", "unhealthyThreshold": 2, "healthyThreshold": 1}`)
	w.untilConfig(t, "health checks", func(text string) bool { return strings.Contains(text, "healthCheck") })

	held := w.pods(t, namespace, "app", "redis1")[0]
	server := process(t, held, "redis-server")
	signal := func(s syscall.Signal) { must(t, syscall.Kill(server, s)) }
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { _ = syscall.Kill(server, syscall.SIGCONT) })
	took := until(t, patience, "the paused server is out for every proxy", func() (bool, any) { return w.everyProxy(t, "unhealthy", 1) })
	t.Logf("%s is out %s after it was paused; Kubernetes has %d ready endpoints", held.Name, took, w.inSlices(t, "redis1"))

	l := w.load(t, perSecond, 0)
	until(t, patience, "500 new connections are answered", func() (bool, any) {
		totals := l.Totals()
		return totals.Fresh >= 500, totals
	})
	signal(syscall.SIGCONT)
	took = until(t, patience, "it is back for every proxy", func() (bool, any) { return w.everyProxy(t, "available", 3) })
	t.Logf("it is back after %s", took)
	l.Stop()
	check(t, "while one of three servers was paused", l.Totals(), false)

	w.checkHealth(t, "null")
	w.untilConfig(t, "no health checks", func(text string) bool { return !strings.Contains(text, "healthCheck") })
	w.scaleRedis(t, 1)
}

// checkHealth sets how the route's endpoints are checked.
func (w *world) checkHealth(t *testing.T, spec string) {
	t.Helper()
	w.kubectl(t, "patch", "tcproute.wye.dev/redis", "--type=merge", "-p", fmt.Sprintf(`{"spec":{"healthCheck":%s}}`, spec))
}

// everyProxy tells whether each has so many endpoints of redis1 in a state.
func (w *world) everyProxy(t *testing.T, state string, want int) (bool, any) {
	t.Helper()
	all := true
	var counts []int
	for _, pod := range w.proxyPods(t) {
		n := metric(t, pod, `wye_proxy_endpoints\{arm="`+armOfRedis1()+`",.*state="`+state+`"\}`)
		counts = append(counts, n)
		all = all && n == want
	}
	return all && len(counts) == proxies, counts
}

// process is that of a pod's program on this machine, which is the node.
func process(t *testing.T, pod corev1.Pod, program string) (pid int) {
	t.Helper()
	uid := string(pod.UID)
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	must(t, err)
	for _, file := range groups {
		group, err := os.ReadFile(file)
		if err != nil || !strings.Contains(strings.ReplaceAll(string(group), "_", "-"), uid) {
			continue
		}
		name, err := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
		if err != nil || strings.TrimSpace(string(name)) != program {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		must(t, err)
		return pid
	}
	t.Fatalf("no process %s of pod %s (%s) on this machine", program, pod.Name, uid)
	return 0
}
