// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

// Hint says whom an endpoint is meant for. Kubernetes gives hints to the endpoints of
// Services that ask for traffic to stay in its zone.
type Hint uint8

const (
	Unhinted  Hint = iota // everybody
	Here                  // this proxy's zone, maybe among others
	Elsewhere             // other zones
)

// near is the group of the endpoints that are meant for this zone. As for kube-proxy,
// hints count only if every endpoint has one, and one of them is meant for here. nil:
// they do not count, or leave nobody out.
func near(f Form, targets []Target, endpoints []*Endpoint) *group {
	if f.IgnoreZones {
		return nil
	}
	var here []Target
	var of []*Endpoint
	for i, t := range targets {
		switch t.Hint {
		case Unhinted:
			return nil
		case Here:
			here, of = append(here, t), append(of, endpoints[i])
		}
	}
	if len(here) == 0 || len(here) == len(targets) {
		return nil
	}
	g := newGroup(f, here, of)
	return &g
}
