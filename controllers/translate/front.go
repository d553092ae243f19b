// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"net/netip"
	"slices"
	"strings"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// judgeHostnames finds what is wrong with the host names of a route that the schema has
// let through; nil if nothing is.
func judgeHostnames(spec v1alpha1.TCPRouteSpec) *Judgement {
	for i, host := range spec.Hostnames {
		name := strings.TrimPrefix(string(host), "*.")
		_, notIP := netip.ParseAddr(name)
		long := slices.ContainsFunc(strings.Split(name, "."), func(label string) bool { return len(label) > 63 })
		if notIP == nil || long {
			wrong := notAccepted(v1alpha1.ReasonInvalid,
				"spec.hostnames[%d]: %q is not a host name that clients of TLS can ask for; write one such as db.example.com, with labels of at most 63 letters", i, host)
			return &wrong
		}
	}
	return nil
}

// wireNames says by what the clients of a route are known.
func wireNames(r *pushv1.Route, spec v1alpha1.TCPRouteSpec) {
	for _, host := range spec.Hostnames {
		r.Hostnames = append(r.Hostnames, string(host))
	}
	for _, protocol := range spec.MatchProtocols {
		r.MatchProtocols = append(r.MatchProtocols, string(protocol))
	}
	slices.Sort(r.Hostnames)
	slices.Sort(r.MatchProtocols)
}

// hear says of whom a listener is to hear about its clients.
func (t *translation) hear(l *pushv1.Listener) {
	if t.snapshot.Fleet == nil || t.snapshot.Fleet.Spec.ProxyProtocol == nil {
		return
	}
	accepted := t.snapshot.Fleet.Spec.ProxyProtocol
	if len(accepted.Ports) == 0 || slices.Contains(accepted.Ports, int32(l.Port)) {
		l.ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: networks(accepted.TrustedCIDRs)}
	}
}
