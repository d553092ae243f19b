//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// testView: what a user sees first. That pods keep within the standard
// "restricted" is enforced by their namespaces.
func (w *world) testView(t *testing.T) {
	for what, want := range map[string][]string{
		w.kubectl(t, "get", "wye", "--all-namespaces"): {
			`wye-e2e +dtab.wye.dev/default +1 +3/3 +True +True`,
			`wye-e2e +proxyfleet.wye.dev/redis +3 +1 +\d+ +3/3 +True`,
			`wye-e2e +tcproute.wye.dev/redis +redis +7474 +/svc/redis +redis1=100% +3/3 +True`,
		},
		w.kubectl(t, "describe", "tcproute", "redis"): {`3 of 3 proxies serve this`, `/#/io.l5d.k8s/wye-e2e/redis/redis1`},
		w.kubectl(t, "logs", "deployment/"+fleet):     {`msg=listening .*port=7474`, `"config in service" source=controller`},
	} {
		for _, line := range want {
			if !regexp.MustCompile(line).MatchString(what) {
				t.Errorf("no %q in\n%s", line, what)
			}
		}
	}
	w.testRefusal(t)
	for _, pod := range slices.Concat(w.proxyPods(t), w.controllerPods(t)) {
		for _, c := range pod.Spec.Containers {
			if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				t.Errorf("pod %s can write to its root file system", pod.Name)
			}
		}
		if log := w.kubectl(t, "logs", "--namespace", pod.Namespace, pod.Name); troubled(log) {
			t.Errorf("trouble in the log of %s:\n%s", pod.Name, log)
		}
	}
}

// testRefusal: a table that does not parse is refused when it is applied, and the
// user is told where the mistake is.
func (w *world) testRefusal(t *testing.T) {
	table := strings.Replace(w.table(t, "03-quarter.yaml"), "1 * /cluster/redis2", "1 * /cluster/redis2 &&", 1)
	out, err := w.kubectlCommand(t, table, "apply", "-f", "-").CombinedOutput()
	if want := regexp.MustCompile(`dentries\[2\].*column 22`); err == nil || !want.Match(out) {
		t.Errorf("kubectl apply of a mistake: %v\n%s", err, out)
	}
}

// troubled tells whether a log, of either format, has errors. Controllers that
// start at once race for the lease, and the one that loses calls that an error.
func troubled(log string) bool {
	for line := range strings.Lines(log) {
		bad := strings.Contains(line, "level=ERROR") || strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "panic:")
		if bad && !strings.Contains(line, `"logger":"leaderelection"`) {
			return true
		}
	}
	return false
}
