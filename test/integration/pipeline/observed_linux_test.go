// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// status runs kubectl-wye status on the route echo, as the administrator.
func (p *place) status(args ...string) (out string) {
	p.Helper()
	args = append([]string{
		"status", "tcproute/echo", "--namespace=" + p.namespace, "--kubeconfig=" + w.kube.Kubeconfig,
		"--controller-url=http://" + w.inspection,
	}, args...)
	text, err := exec.CommandContext(p.Context(), filepath.Join(w.bin, "kubectl-wye"), args...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		p.Fatalf("kubectl-wye %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	} else if err != nil {
		p.Fatal(err)
	}
	return string(text)
}

// seen is what status -o json says of an arm.
type seen struct {
	Name, Desired, Observed string
	Opened, Open            int
}

func (p *place) observed() (arms []seen, silent []string) {
	p.Helper()
	var shown struct {
		Routes []struct {
			Arms     []seen
			Observed struct{ Silent []string }
		}
	}
	text := p.status("-o", "json")
	if err := json.Unmarshal([]byte(text), &shown); err != nil || len(shown.Routes) != 1 {
		p.Fatalf("%v: %s", err, text)
	}
	return shown.Routes[0].Arms, shown.Routes[0].Observed.Silent
}

// What status calls observed is what the connections did since the change, counted
// by the proxies themselves.
func TestStatusShowsWhatConnectionsDid(t *testing.T) {
	const before, after, proxies = 200, 400, 3
	p := newPlace(t, proxies)
	port := p.reserve()
	a, b := p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))
	table, route := p.table("default", "/svc/echo => 1 * "+a+" & 1 * "+b), p.route("echo", port, "/svc/echo")
	p.apply(table, route)
	p.expect(route, ready)
	p.open(port, before).ask()

	table = p.table("default", "/svc/echo => 9 * "+a+" & 1 * "+b)
	p.apply(table)
	p.expect(table, ready)
	arms, silent := p.observed()
	want := []seen{{Name: "a", Desired: "90%", Open: before / 2}, {Name: "b", Desired: "10%", Open: before / 2}}
	for i := range arms { // each proxy may be one off
		if off := arms[i].Open - before/2; off < -proxies || off > proxies {
			t.Errorf("arm %s has %d connections, want %d", arms[i].Name, arms[i].Open, before/2)
		}
		arms[i].Open = before / 2
	}
	if diff := cmp.Diff(want, arms); diff != "" || len(silent) > 0 {
		t.Errorf("as the change has come into force; silent %v (-want +got):\n%s", silent, diff)
	}

	answers := p.open(port, after).ask()
	arms, _ = p.observed()
	for _, arm := range arms {
		if arm.Opened != answers[arm.Name] {
			t.Errorf("arm %s: opened %d, and %d reached it", arm.Name, arm.Opened, answers[arm.Name])
		}
	}
	if len(arms) != 2 || arms[0].Opened+arms[1].Opened != after {
		t.Errorf("%d connections were opened since the change, but %+v", after, arms)
	}
	// Each proxy may be one off, and has taken over that it was one off before.
	if off := arms[1].Opened - after/10; off < -2*proxies || off > 2*proxies {
		t.Errorf("nine to one was observed as %+v", arms)
	}
	text := p.status()
	t.Log("\n" + text)
	if line := "a     90%       " + arms[0].Observed; !strings.Contains(text, line) {
		t.Errorf("no %q in\n%s", line, text)
	}
}

func TestStatusNamesProxiesThatDoNotAnswer(t *testing.T) {
	p := newPlace(t, 2)
	path := p.announce("a", p.serve("a"))
	route := p.route("echo", p.reserve(), path)
	p.apply(route)
	p.expect(route, ready)
	resume := p.suspend("wye-edge-1")
	if _, silent := p.observed(); cmp.Diff([]string{"wye-edge-1"}, silent) != "" {
		t.Errorf("silent: %v", silent)
	}
	resume()
	p.eventually(func() error {
		if _, silent := p.observed(); len(silent) > 0 {
			return fmt.Errorf("silent, though they go on: %v", silent)
		}
		return nil
	})
}
