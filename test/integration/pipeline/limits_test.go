// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestARouteHasLimitsAndAccess(t *testing.T) {
	p := newPlace(t, 1)
	port := p.reserve()
	route := p.route("echo", port, p.announce("a", p.serve("a")))
	most := int32(3)
	route.Spec.Limits = &v1alpha1.RouteLimits{MaxConnectionsPerClient: &most}
	p.apply(route)
	p.expect(route, ready)
	held := p.open(port, int(most))
	served := func() {
		if got := held.ask()["a"]; got != int(most) {
			t.Errorf("%d of the connections that are open are answered, want %d", got, most)
		}
	}
	served()
	p.resets(port, "one client too often")

	route = p.route("echo", port, p.path("a"))
	route.Spec.Access = &v1alpha1.Access{Deny: []v1alpha1.CIDR{"127.0.0.0/8"}}
	p.apply(route)
	p.expect(route, ready)
	p.resets(port, "an address that may not")
	served()

	route = p.route("echo", port, p.path("a"))
	route.Spec.Access = &v1alpha1.Access{Deny: []v1alpha1.CIDR{"127.0.0.0/8"}, Mode: v1alpha1.AccessAudit}
	p.apply(route)
	p.leadsTo(port, "a")
}

// resets waits until the port resets who connects.
func (p *place) resets(port int32, reason string) {
	p.Helper()
	p.eventually(func() error {
		if name, err := askOnce(p.Context(), port); !errors.Is(err, syscall.ECONNRESET) {
			return fmt.Errorf("%s: answered %q, %w, want a reset", reason, name, err)
		}
		return nil
	})
}
