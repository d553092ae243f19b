// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"net/netip"
	"slices"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// judgeLimits finds what is wrong with the limits and the access lists of a route that
// the schema has let through; nil if nothing is.
func judgeLimits(spec v1alpha1.TCPRouteSpec) *Judgement {
	if l := spec.Limits; l != nil && l.BytesPerSecond != nil && l.BytesPerSecond.Sign() <= 0 {
		wrong := notAccepted(v1alpha1.ReasonInvalid, "spec.limits.bytesPerSecond is %s, which lets nothing through; leave it out for no limit", l.BytesPerSecond)
		return &wrong
	}
	if spec.Access == nil {
		return nil
	}
	if wrong := judgeNetworks("spec.access.allow", spec.Access.Allow); wrong != nil {
		return wrong
	}
	return judgeNetworks("spec.access.deny", spec.Access.Deny)
}

func judgeNetworks(field string, cidrs []v1alpha1.CIDR) *Judgement {
	for i, text := range cidrs {
		if p, err := netip.ParsePrefix(string(text)); err != nil || p.Addr().Is4In6() {
			wrong := notAccepted(v1alpha1.ReasonInvalid, "%s[%d]: %q is not a CIDR; write a network such as 10.0.0.0/8 or 2001:db8::/32", field, i, text)
			return &wrong
		}
	}
	return nil
}

// wireLimits are the limits of a route; nil: none.
func wireLimits(l *v1alpha1.RouteLimits) *pushv1.RouteLimits {
	if l == nil || *l == (v1alpha1.RouteLimits{}) {
		return nil
	}
	limits := &pushv1.RouteLimits{
		MaxConnections:          count(l.MaxConnections),
		MaxConnectionsPerClient: count(l.MaxConnectionsPerClient),
	}
	if l.BytesPerSecond != nil {
		limits.BytesPerSecond = uint64(l.BytesPerSecond.Value())
	}
	return limits
}

// wireAccess says who may connect; nil: everybody.
func wireAccess(a *v1alpha1.Access) *pushv1.Access {
	if a == nil {
		return nil
	}
	return &pushv1.Access{Allow: networks(a.Allow), Deny: networks(a.Deny), Audit: a.Mode == v1alpha1.AccessAudit}
}

// networks are CIDRs in one form and order, so that to write them otherwise is no change.
func networks(cidrs []v1alpha1.CIDR) []string {
	var all []string
	for _, text := range cidrs {
		if p, err := netip.ParsePrefix(string(text)); err == nil {
			all = append(all, p.Masked().String())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// defaultMaxHandshakes is the limit where a fleet has none: enough for a burst of new
// clients, and some 200 MiB if each is in the middle of TLS.
const defaultMaxHandshakes = 4096

// limit gives the listeners of a config the limits of its fleet. Where clients have to
// say something before they are served, there is always a limit on that.
func (t *translation) limit(c *pushv1.Config) {
	limits := v1alpha1.ListenerLimits{}
	if fleet := t.snapshot.Fleet; fleet != nil && fleet.Spec.ListenerLimits != nil {
		limits = *fleet.Spec.ListenerLimits
	}
	heard := map[string]bool{} // listener -> clients have to say something
	for _, r := range c.GetRoutes() {
		if r.GetTls() != nil || len(r.GetHostnames()) > 0 || len(r.GetMatchProtocols()) > 0 {
			heard[r.GetListener()] = true
		}
	}
	for _, l := range c.GetListeners() {
		l.MaxConnections = count(limits.MaxConnections)
		l.AcceptRate = count(limits.AcceptRate)
		l.MaxHandshakes = count(limits.MaxHandshakes)
		if l.GetMaxHandshakes() == 0 && (heard[l.GetName()] || l.GetProxyProtocol() != nil) {
			l.MaxHandshakes = defaultMaxHandshakes
		}
	}
}

// count is a number that a spec may leave out, which is 0.
func count(n *int32) uint32 {
	if n == nil {
		return 0
	}
	return uint32(max(0, *n))
}
