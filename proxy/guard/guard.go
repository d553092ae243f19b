// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package guard says who may come in, and how fast: clients of a route by their
// address and by how many connections there are, connections of a port by a rate,
// and bytes of a connection by a rate. It does no IO, never waits, is told the time,
// and allocates nothing for a connection that it does not count by its client.
package guard

import (
	"net/netip"
	"sync/atomic"

	"github.com/wye-dev/wye/proxy/flow"
)

// Limits are the most that is served of a route. 0: no limit.
type Limits struct {
	MaxConnections uint32 // at a time
	MaxPerClient   uint32 // at a time, by address, IPv6 by /64
	BytesPerSecond uint64 // of a connection, each way
}

// counts tells whether connections have to be counted for the limits.
func (l Limits) counts() bool { return l.MaxConnections > 0 || l.MaxPerClient > 0 }

// Guard is at the door of a route. Whom it has let in, it knows by what it has in
// common with the guard before it: connections that were let in while the route had
// no limit on their number are not counted.
type Guard struct {
	limits Limits
	access *Access // nil: everybody
	crowd  *crowd  // nil: nothing is counted
}

// New makes the guard of a route; nil where everybody may come. before is the one
// that the route had, which may be nil.
func New(limits Limits, access *Access, before *Guard) *Guard {
	if !limits.counts() && access == nil {
		return nil
	}
	g := &Guard{limits: limits, access: access}
	switch {
	case !limits.counts():
	case before != nil && before.crowd != nil:
		g.crowd = before.crowd
	default:
		g.crowd = &crowd{}
	}
	return g
}

// Admit lets a client in, or says why not. Leave must follow if the outcome is Open.
func (g *Guard) Admit(client netip.Addr) flow.Outcome {
	if a := g.access; a != nil && !a.audit && !a.permits(client) {
		return flow.AccessDenied
	}
	if g.limits.MaxPerClient > 0 && !g.crowd.clients.enter(keyOf(client), g.limits.MaxPerClient) {
		return flow.ClientFull
	}
	if g.crowd != nil {
		if n := g.crowd.all.Add(1); g.limits.MaxConnections > 0 && n > int64(g.limits.MaxConnections) {
			g.Leave(client)
			return flow.RouteFull
		}
	}
	return flow.Open
}

// Audited tells whether a client that was let in should not have been, had the route
// not only wanted to know.
func (g *Guard) Audited(client netip.Addr) bool {
	return g.access != nil && g.access.audit && !g.access.permits(client)
}

// Leave counts a client out that Admit of the same guard has let in.
func (g *Guard) Leave(client netip.Addr) {
	if g.crowd == nil {
		return
	}
	g.crowd.all.Add(-1)
	if g.limits.MaxPerClient > 0 {
		g.crowd.clients.leave(keyOf(client))
	}
}

// crowd is the connections of a route that were counted in.
type crowd struct {
	all     atomic.Int64
	clients clients
}
