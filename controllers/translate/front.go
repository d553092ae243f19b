// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"fmt"
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
		if _, notIP := netip.ParseAddr(name); notIP == nil || longLabel(name) {
			wrong := notAccepted(v1alpha1.ReasonInvalid,
				"spec.hostnames[%d]: %q is not a host name that clients of TLS can ask for; write one such as db.example.com, with labels of at most 63 letters", i, host)
			return &wrong
		}
	}
	return nil
}

// longLabel tells whether a host name has a label that is too long for one.
func longLabel(name string) bool {
	const most = 63
	return slices.ContainsFunc(strings.Split(name, "."), func(label string) bool { return len(label) > most })
}

// judgeTLS finds what is wrong with the names in what a route says of TLS that the schema
// has let through; nil if nothing is.
func judgeTLS(spec v1alpha1.TCPRouteSpec) *Judgement {
	wrong := judgeProtocols("spec.matchProtocols", spec.MatchProtocols)
	if spec.TLS != nil {
		wrong = cmp.Or(wrong, judgeProtocols("spec.tls.alpnProtocols", spec.TLS.ALPNProtocols))
	}
	wrong = cmp.Or(wrong, judgeBackendTLS("spec.backendTLS", spec.BackendTLS))
	for i, b := range spec.Backends {
		wrong = cmp.Or(wrong, judgeBackendTLS(fmt.Sprintf("spec.backends[%d].tls", i), b.TLS))
	}
	return wrong
}

func judgeBackendTLS(field string, t *v1alpha1.BackendTLS) *Judgement {
	if t == nil {
		return nil
	}
	if longLabel(t.Hostname) {
		wrong := notAccepted(v1alpha1.ReasonInvalid, "%s.hostname: %q is no host name; write one with labels of at most 63 letters", field, t.Hostname)
		return &wrong
	}
	return judgeProtocols(field+".alpnProtocols", t.ALPNProtocols)
}

// judgeProtocols counts bytes, where the schema counts letters.
func judgeProtocols(field string, names []v1alpha1.ALPNProtocol) *Judgement {
	const most = 255
	for i, name := range names {
		if len(name) > most {
			wrong := notAccepted(v1alpha1.ReasonInvalid, "%s[%d] has %d bytes, and a protocol can have %d; write a shorter one", field, i, len(name), most)
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
