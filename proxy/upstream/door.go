// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"net/netip"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/guard"
	"github.com/wye-dev/wye/proxy/plan"
)

// Door is what the guard of a route has said to a client. The zero Door: nothing yet,
// or there is no guard.
type Door struct {
	guard   *guard.Guard // has counted the client in
	audited bool         // it should have been refused, and the route only wants to know
}

// Knock asks whether a client may come to a route, which may be nil, or why not. Once
// route and client are known, the sooner it is asked the better: before a handshake,
// which costs more than to refuse. Door.Leave must follow.
func Knock(to *plan.Route, client netip.Addr) (d Door, refusal flow.Outcome) {
	if to == nil || to.Guard == nil {
		return Door{}, flow.Open
	}
	refusal, audited := to.Guard.Admit(client)
	if refusal != flow.Open {
		return Door{}, refusal
	}
	return Door{guard: to.Guard, audited: audited}, flow.Open
}

// Leave tells whoever has counted the client in that the connection has ended.
func (d Door) Leave(client netip.Addr) {
	if d.guard != nil {
		d.guard.Leave(client)
	}
}
