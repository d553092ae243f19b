// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestARouteSaysHowEndpointsAreChosen(t *testing.T) {
	p := newPlace(t, 1)
	port := p.reserve()
	var file string
	for i, name := range []string{"a", "b", "c"} {
		b := p.serve(name)
		file += fmt.Sprintf("%s %s * %d\n", b.host, b.port, i+1)
	}
	route := p.route("echo", port, p.write("abc", file))
	route.Spec.LoadBalancing = &v1alpha1.LoadBalancing{Policy: v1alpha1.BalancingRoundRobin}
	p.apply(route)
	p.expect(route, ready)
	before := p.open(port, 60)
	if diff := cmp.Diff(map[string]int{"a": 10, "b": 20, "c": 30}, before.ask()); diff != "" {
		t.Errorf("by round robin (-want +got):\n%s", diff)
	}

	route = p.route("echo", port, p.path("abc"))
	route.Spec.LoadBalancing = &v1alpha1.LoadBalancing{Policy: v1alpha1.BalancingConsistentHash}
	p.apply(route)
	p.expect(route, ready)
	if homes := p.open(port, 60).ask(); len(homes) != 1 {
		t.Errorf("by the hash, connections of one client went to %v", homes)
	}
	if diff := cmp.Diff(map[string]int{"a": 10, "b": 20, "c": 30}, before.ask()); diff != "" {
		t.Errorf("connections that were open (-want +got):\n%s", diff)
	}
}
