// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShiftFromNothingToAllClosesNothing(t *testing.T) {
	const idle, fresh = 1000, 300
	p := newPlace(t, 3)
	port := p.reserve()
	a, b := p.announce("a", p.serve("a")), p.announce("b", p.serve("b"))
	table, route := p.table("default", "/svc/echo => 1 * "+a+" & 0 * "+b), p.route("echo", port, "/svc/echo")
	p.apply(table, route)
	p.expect(route, ready)
	if want := "a=100% b=0%"; route.Status.Split != want {
		t.Errorf("split %q, want %q", route.Status.Split, want)
	}

	before := p.open(port, idle)
	if diff := cmp.Diff(map[string]int{"a": idle}, before.ask()); diff != "" {
		t.Fatalf("before the shift (-want +got):\n%s", diff)
	}
	table = p.table("default", "/svc/echo => 0 * "+a+" & 1 * "+b)
	p.apply(table)
	p.expect(table, ready)
	if diff := cmp.Diff(map[string]int{"b": fresh}, p.open(port, fresh).ask()); diff != "" {
		t.Errorf("new connections after the shift (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"a": idle}, before.ask()); diff != "" {
		t.Errorf("connections that were open (-want +got):\n%s", diff)
	}
}
