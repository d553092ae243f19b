// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// Observe says what runs.
func (r *Runtime) Observe(_ context.Context, f *v1alpha1.ProxyFleet) (fleet.Observed, error) {
	observed := fleet.Observed{Wanted: fleet.Replicas(f), Addresses: []string{r.address()}}
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.fleets[types.NamespacedName{Namespace: f.Namespace, Name: f.Name}]
	if g == nil {
		return observed, nil
	}
	updated := len(g.children) == g.wanted
	for _, c := range g.children {
		up := c.is == running && !c.stopping
		if up {
			observed.Add(c.name, c.ready, c.starting, time.Now())
		}
		updated = updated && up && c.flags == g.flags
	}
	observed.Updated = updated && g.wanted == int(observed.Wanted)
	return observed, nil
}

// AdminAddr is where a running child serves /metrics and /config.
func (r *Runtime) AdminAddr(key types.NamespacedName, pod string) (addr string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.fleets[key]; g != nil {
		for _, c := range g.children {
			if c.name == pod && c.is == running {
				return c.admin, true
			}
		}
	}
	return "", false
}

// address is where clients reach the listeners.
func (r *Runtime) address() string {
	if ip, err := netip.ParseAddr(r.options.Bind); err == nil && ip.IsUnspecified() {
		return "127.0.0.1"
	}
	return r.options.Bind
}
