// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// claim is what a route needs for itself: a port, or the clients of a port that ask for
// a host name, that offer a protocol, or both.
type claim struct {
	port     int32
	host     v1alpha1.Hostname     // empty: those that no other route is for
	protocol v1alpha1.ALPNProtocol // empty: likewise
}

// settlePorts takes from the drafts whatever they would serve on a port, or under a host
// name of a port, that an older route holds. It reorders them.
//
// A route holds what it asks for, if it is accepted, and what it serves: the two differ
// while a last good form stands in. A route that serves nothing holds nothing.
func settlePorts(drafts []*draft) {
	slices.SortFunc(drafts, older)
	holders := map[claim]*draft{} // claim -> who holds it
	for _, d := range drafts {
		if d.verdict.Serving == ServesNothing {
			continue
		}
		claims := d.claims()
		if i := slices.IndexFunc(claims, func(c claim) bool { return holders[c] != nil }); i >= 0 {
			d.yield(claims[i], holders[claims[i]])
			continue
		}
		for _, c := range claims {
			holders[c] = d
		}
	}
}

// older orders by age, and routes of one second by namespace and name.
func older(a, b *draft) int {
	x, y := a.verdict.Route.CreationTimestamp, b.verdict.Route.CreationTimestamp
	return cmp.Or(x.Compare(y.Time), compareKeys(a.key, b.key))
}

// claims of a draft, those of its newest form first.
func (d *draft) claims() []claim {
	if !d.verdict.Accepted.True {
		return claims(d.spec)
	}
	return append(claims(&d.verdict.Route.Spec), claims(d.spec)...)
}

func claims(spec *v1alpha1.TCPRouteSpec) (all []claim) {
	hosts, protocols := spec.Hostnames, spec.MatchProtocols
	if len(hosts) == 0 {
		hosts = []v1alpha1.Hostname{""}
	}
	if len(protocols) == 0 {
		protocols = []v1alpha1.ALPNProtocol{""}
	}
	for _, host := range hosts {
		for _, protocol := range protocols {
			all = append(all, claim{spec.Port, host, protocol})
		}
	}
	return all
}

// String is how people speak of it.
func (c claim) String() string {
	text := fmt.Sprintf("port %d", c.port)
	if c.host != "" {
		text = fmt.Sprintf("host name %s of port %d", c.host, c.port)
	}
	if c.protocol != "" {
		text += fmt.Sprintf(" with protocol %s", c.protocol)
	}
	return text
}

// yield leaves a claim to the route that holds it.
func (d *draft) yield(c claim, holder *draft) {
	d.serveNothing()
	if d.verdict.Accepted.True {
		choose := "choose another port"
		if c.host != "" {
			choose = "choose another host name or port"
		}
		d.verdict.Accepted = notAccepted(v1alpha1.ReasonConflicted,
			"%s is held by TCPRoute %s, which was there first; %s, or delete one of the two", c, holder.key, choose)
		return
	}
	d.verdict.Accepted.Message += fmt.Sprintf("; the last good form cannot serve, because its %s is held by TCPRoute %s", c, holder.key)
}
