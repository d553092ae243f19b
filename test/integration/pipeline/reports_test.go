// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// A status is written once for a change, and not at all when nothing changes.
func TestStatusIsWrittenOncePerChange(t *testing.T) {
	const changes, quiet = 5, 3 * time.Second
	p := newPlace(t, 3)
	paths := []string{p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))}
	table := func(i int) *v1alpha1.Dtab { return p.table("default", "/svc/echo => "+paths[i%2]) }
	route := p.route("echo", p.reserve(), "/svc/echo")
	p.apply(table(0), route)
	p.expect(route, ready)
	p.follow().settle(time.Second)
	j, before := p.follow(), p.statusWrites()

	for i := range changes {
		d := table(i + 1)
		p.apply(d)
		p.expect(d, ready)
	}
	j.settle(time.Second)

	told := map[string]int{ // kind -> statuses written
		"table": len(forms[*v1alpha1.Dtab](j)) - changes, // each was applied, too
		"route": len(forms[*v1alpha1.TCPRoute](j)),
		"fleet": len(forms[*v1alpha1.ProxyFleet](j)),
	}
	writes := p.statusWrites() - before
	t.Logf("%d changes: statuses written: %v, %d in all", changes, told, writes)
	for kind, n := range told {
		// One is right. That a name or a proxy takes its time is worth another.
		if n < changes || n > 3*changes {
			t.Errorf("after %d changes the status of the %s was written %d times", changes, kind, n)
		}
	}
	if sum := told["table"] + told["route"] + told["fleet"]; writes != sum {
		t.Errorf("%d writes of statuses, of which %d changed something", writes, sum)
	}
	if e, ok := j.next(time.After(quiet)); ok {
		t.Errorf("nothing changed, and %T was written: %+v", e.object, e.object)
	}
	if more := p.statusWrites() - before - writes; more != 0 {
		t.Errorf("nothing changed, and there were %d writes of statuses", more)
	}
}

// statusWrites is how many writes of our kinds' statuses the API server has
// taken, those that change nothing among them. Those that it refuses, because
// they come from a copy that is old by then, are no writes.
func (p *place) statusWrites() int {
	p.Helper()
	text, err := w.kubectl(p.Context(), "get", "--raw=/metrics")
	if err != nil {
		p.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(text) {
		if containsAll(line, []string{"apiserver_request_total{", `group="wye.dev"`, `subresource="status"`, `verb="PATCH"`, `code="200"`}) {
			n, _ := sample(line, "apiserver_request_total")
			sum += n
		}
	}
	return int(sum)
}

func TestTransitionsAreEvents(t *testing.T) {
	p := newPlace(t, 1)
	a := p.announce("a", p.serve("a"))
	good, broken := p.table("default", "/svc/echo => "+a), p.table("default", "/svc/echo => "+a+" &")
	route := p.route("echo", p.reserve(), "/svc/echo")
	p.apply(good, route)
	p.expect(route, ready)
	p.apply(broken)
	p.expect(broken, not("Ready", v1alpha1.ReasonInvalid))
	p.expect(route, not("Ready", v1alpha1.ReasonDtabInvalid))
	p.apply(good)
	p.expect(good, ready)
	p.expect(route, ready)

	want := []string{
		"Dtab/default Normal Ready Ready",
		"Dtab/default Warning Accepted Invalid",
		"Dtab/default Warning Ready Invalid",
		"Dtab/default Normal Accepted Accepted",
		"TCPRoute/echo Normal Ready Ready",
		"TCPRoute/echo Warning ResolvedRefs DtabInvalid",
		"TCPRoute/echo Warning Programmed LastGoodForm",
		"TCPRoute/echo Warning Ready DtabInvalid",
		"TCPRoute/echo Normal Programmed Programmed",
		"ProxyFleet/edge Normal Ready Ready",
	}
	p.eventually(func() error {
		var list eventsv1.EventList
		if err := w.client.List(p.Context(), &list, client.InNamespace(p.namespace)); err != nil {
			return err
		}
		got := map[string]bool{}
		for _, e := range list.Items {
			got[fmt.Sprintf("%s/%s %s %s %s", e.Regarding.Kind, e.Regarding.Name, e.Type, e.Action, e.Reason)] = true
		}
		for _, event := range want {
			if !got[event] {
				return fmt.Errorf("no event %s; there are %v", event, got)
			}
		}
		return nil
	})
}

func TestKubectlShowsTheTruth(t *testing.T) {
	p := newPlace(t, 3)
	a, b := p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))
	table := p.table("default", "/svc/echo => 9 * "+a+" & 1 * "+b)
	route, lost := p.route("echo", p.reserve(), "/svc/echo"), p.route("lost", p.reserve(), p.path("nobody"))
	p.apply(table, route, lost)
	p.expect(route, ready)
	p.expect(lost, not("Ready", v1alpha1.ReasonBackendNotFound))
	p.expect(table, ready)
	for kind, want := range map[string][]string{
		"tcproute": {
			"NAME FLEET PORT DESTINATION SPLIT CONVERGED READY REASON STALE HOSTNAMES",
			fmt.Sprintf("echo edge %d /svc/echo a=90%% b=10%% 3/3 True Ready", route.Spec.Port),
			fmt.Sprintf("lost edge %d %s 3/3 False BackendNotFound", lost.Spec.Port, p.path("nobody")),
		},
		// The table has a say in concrete names, too.
		"dtab":       {"NAME ROUTES CONVERGED ACCEPTED READY REASON", "default 2 3/3 True True Ready"},
		"proxyfleet": {"NAME PROXIES ROUTES CONFIG CONVERGED READY REASON ADDRESS", "edge 3 2 CONFIG 3/3 True Ready 127.0.0.1"},
	} {
		edge := p.fleet("edge", 3)
		p.get(edge)
		generation := fmt.Sprint(edge.Status.ConfigGeneration)
		if diff := cmp.Diff(want, p.columns(kind, generation)); diff != "" {
			t.Errorf("kubectl get %s (-want +got):\n%s", kind, diff)
		}
	}
}

// columns are the lines of kubectl's wide table, with one blank between fields,
// and without the age.
func (p *place) columns(kind, generation string) []string {
	p.Helper()
	out, err := w.kubectl(p.Context(), "get", kind, "--namespace="+p.namespace, "--output=wide")
	if err != nil {
		p.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if kind == "proxyfleet" && len(lines) > 0 && len(fields) > 3 && fields[3] == generation {
			fields[3] = "CONFIG"
		}
		lines = append(lines, strings.Join(fields[:max(0, len(fields)-1)], " "))
	}
	return lines
}
