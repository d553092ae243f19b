// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import "github.com/wye-dev/wye/proxy/flow"

// admit asks the route's guard whether the client may come, and why not. audited: it
// may only because the route wants to know, and no more.
func (s *Search) admit() (refusal flow.Outcome, audited bool) {
	guard := s.Route.Guard
	if guard == nil {
		return flow.Open, false
	}
	refusal, audited = guard.Admit(s.Client.Addr())
	s.Admitted = refusal == flow.Open
	return refusal, audited
}

// Leave tells the guard that the connection has ended. It must be called once for
// what Search.Admitted says of.
func (g Guest) Leave() { g.Route.Guard.Leave(g.Client.Addr()) }
