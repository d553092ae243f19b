// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// catchUp is how long a proxy that was stopped may take to serve what it missed.
// On a machine that does nothing else it is a fraction of that.
const catchUp = 2 * time.Second

func TestConvergenceCountsAProxyThatIsStopped(t *testing.T) {
	p := newPlace(t, 3)
	a, b := p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))
	table, route := p.table("default", "/svc/echo => "+a), p.route("echo", p.reserve(), "/svc/echo")
	p.apply(table, route)
	p.expect(route, ready)
	p.expect(table, ready)

	const stopped = "wye-edge-1"
	resume := p.suspend(stopped)
	j := p.follow()
	table = p.table("default", "/svc/echo => "+b)
	p.apply(table)

	// 1. Two of three, and which one not.
	lagging := v1alpha1.ProxyCounts{Total: 3, Converged: 2, Laggards: []string{stopped}}
	p.expect(table, not("Programmed", v1alpha1.ReasonPending, "2 of 3 proxies serve this; waiting for "+stopped+" (acked "))
	p.expect(route, not("Programmed", v1alpha1.ReasonPending, "2 of 3 proxies serve this; waiting for "+stopped+" (acked "))
	for _, got := range []v1alpha1.ProxyCounts{table.Status.Proxies, route.Status.Proxies} {
		if diff := cmp.Diff(lagging, got); diff != "" {
			t.Errorf("while a proxy is stopped (-want +got):\n%s", diff)
		}
	}
	p.metric("wye_controller_proxies", 1, `state="lagging"`)

	// 2. It stays so when the fleet notices that the proxy does not answer.
	edge := p.fleet("edge", 3)
	p.expect(edge, verdict{"Degraded", "True", v1alpha1.ReasonProxiesLagging, []string{"waiting for " + stopped}})
	p.eventually(func() error {
		p.get(edge)
		if edge.Status.ReadyReplicas != 2 {
			return fmt.Errorf("%d proxies are ready", edge.Status.ReadyReplicas)
		}
		return nil
	})
	j.settle(time.Second)
	for _, r := range forms[*v1alpha1.TCPRoute](j) {
		if r.Status.Converged != "2/3" {
			t.Errorf("in the meantime the route said %s", r.Status.Converged)
		}
	}

	// 3. Three of three, soon.
	resumed := resume()
	all := j.until("three of three", func(o client.Object) bool {
		r, ok := o.(*v1alpha1.TCPRoute)
		return ok && r.Status.Converged == "3/3"
	})
	took := all.at.Sub(resumed)
	t.Logf("3/3 after %s", took.Round(time.Millisecond))
	if took > catchUp {
		t.Errorf("3/3 after %s, want at most %s", took, catchUp)
	}
	p.expect(table, ready)
	p.expect(route, ready)
	p.metric("wye_controller_proxies", 0, `state="lagging"`)
}

// suspend stops a proxy of the fleet edge until resume is called or the test
// ends. resume tells when that was.
func (p *place) suspend(pod string) (resume func() time.Time) {
	p.Helper()
	pid := p.pid(pod)
	signal := func(s syscall.Signal) {
		if err := syscall.Kill(pid, s); err != nil {
			p.Errorf("%s: %v", s, err)
		}
	}
	signal(syscall.SIGSTOP)
	p.Cleanup(func() { signal(syscall.SIGCONT) })
	return func() time.Time {
		signal(syscall.SIGCONT)
		return time.Now()
	}
}

// pid finds the process of a proxy of this place among the controller's children.
func (p *place) pid(pod string) int {
	p.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		p.Fatal(err)
	}
	parent := strconv.Itoa(w.controller.Process.Pid)
	for _, stat := range stats {
		// The process may be gone by now; then it is not the one.
		line, _ := os.ReadFile(stat)
		arguments, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
		// PID (NAME) STATE PARENT: see proc_pid_stat(5)
		fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
		if len(fields) < 2 || fields[1] != parent {
			continue
		}
		args := strings.Split(string(arguments), "\x00")
		if has(args, "--pod", pod) && has(args, "--namespace", p.namespace) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			if err != nil {
				p.Fatal(err)
			}
			return pid
		}
	}
	p.Fatalf("the controller has no child %s of %s", pod, p.namespace)
	return 0
}

// has tells whether arguments have a flag with that value.
func has(args []string, flag, value string) bool {
	i := slices.Index(args, flag)
	return i >= 0 && i+1 < len(args) && args[i+1] == value
}
