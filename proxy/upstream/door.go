// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"net/netip"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/guard"
	"github.com/wye-dev/wye/proxy/plan"
)

// Door is where a client has come into a route. The zero Door: it has not yet, or
// nobody guards it.
type Door struct {
	guard *guard.Guard // has let the client in
}

// Knock asks whether a client may come to a route, which may be nil, or why not. Once
// route and client are known, the sooner it is asked the better: before a handshake,
// which costs more than to refuse. Door.Leave must follow.
func Knock(to *plan.Route, client netip.Addr) (d Door, refusal flow.Outcome) {
	if to == nil || to.Guard == nil {
		return Door{}, flow.Open
	}
	if refusal = to.Guard.Admit(client); refusal != flow.Open {
		return Door{}, refusal
	}
	return Door{guard: to.Guard}, flow.Open
}

// audited tells whether the client should have been refused, and the route only wants
// to know.
func (d Door) audited(client netip.Addr) bool { return d.guard != nil && d.guard.Audited(client) }

// Leave tells the guard that the connection of a client has ended.
func (d Door) Leave(client netip.Addr) {
	if d.guard != nil {
		d.guard.Leave(client)
	}
}
