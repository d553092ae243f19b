// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package flow

import "time"

// Outcome is how a connection ended. Its printed form is a metric label.
type Outcome uint8

// Every way a connection can end, once accepted.
const (
	// Open: it has not ended.
	Open Outcome = iota
	// Completed: both sides closed in order.
	Completed
	// ClientReset: the client aborted it, or can no longer be reached.
	ClientReset
	// BackendReset: the endpoint aborted it, or can no longer be reached.
	BackendReset
	// IdleTimeout: no byte moved either way for the route's idle timeout.
	IdleTimeout
	// LifetimeExceeded: it reached the route's lifetime.
	LifetimeExceeded
	// DrainDeadline: the proxy stopped and could wait no longer.
	DrainDeadline
	// Migrated: its arm gets no new connections, and the route has the old ones ended.
	Migrated
	// HandshakeFailed: the client did not come to terms with the proxy on TLS, or not in time.
	HandshakeFailed
	// NoRouteForName: no route is for the name or the protocols that the client asked for.
	NoRouteForName
	// ProxyHeaderFailed: a peer that is trusted to send a PROXY header sent none, not a good
	// one, or not in time.
	ProxyHeaderFailed
	// TooManyHandshakes: as many others as may be were at what comes before a route is known.
	TooManyHandshakes
	// NoRoute: the listener has no route.
	NoRoute
	// AccessDenied: the route's access lists do not let the client's address in.
	AccessDenied
	// RouteFull: the route has as many connections as it may have.
	RouteFull
	// ClientFull: the client has as many connections of the route as one may have.
	ClientFull
	// NoDestination: the route's tree sends it nowhere: a name that does not
	// exist, one that is refused on purpose, the share of an empty name, or
	// weights that are all 0.
	NoDestination
	// NoEndpoints: the arm's pool has no endpoints.
	NoEndpoints
	// ConnectFailed: every endpoint that was tried refused or could not be reached.
	ConnectFailed
	// ConnectTimeout: no endpoint answered within the connect timeout.
	ConnectTimeout
	// EndpointsFull: every endpoint of the arm that could be used has as many
	// connections as it may.
	EndpointsFull
	// TooManyPending: as many connections wait for an endpoint of the arm as may.
	TooManyPending
	// Redistributed: the arm had no endpoint that could be reached, and the
	// connection went to another arm, where it is counted anew.
	Redistributed

	// Outcomes is their number.
	Outcomes
)

// atRest is the time without a byte after which a stream is between messages.
const atRest = time.Second

// Resets tells whether a relayed connection that ended so is closed with RST, and
// not with FIN: after a reset, and where the proxy ends a stream in the middle, so that
// a part cannot pass for the whole. quiet is for how long no byte has moved; midway
// tells whether bytes are on their way that would be lost. They are asked where they matter.
func (o Outcome) Resets(quiet func() time.Duration, midway func() bool) bool {
	switch o {
	case ClientReset, BackendReset:
		return true
	case LifetimeExceeded, DrainDeadline, Migrated:
		return quiet() < atRest || midway()
	case IdleTimeout:
		return midway()
	default:
		return false
	}
}

// Refuses tells whether a connection that ended so was turned away at the door, for what
// it is or for how many there are. It is closed with RST.
func (o Outcome) Refuses() bool {
	switch o {
	case TooManyHandshakes, AccessDenied, RouteFull, ClientFull:
		return true
	default:
		return false
	}
}

// String is the outcome's label, in snake case.
func (o Outcome) String() string {
	switch o {
	case Open:
		return "open"
	case Completed:
		return "completed"
	case ClientReset:
		return "client_reset"
	case BackendReset:
		return "backend_reset"
	case IdleTimeout:
		return "idle_timeout"
	case LifetimeExceeded:
		return "lifetime_exceeded"
	case DrainDeadline:
		return "drain_deadline"
	case Migrated:
		return "migrated"
	case HandshakeFailed:
		return "tls_handshake_failed"
	case NoRouteForName:
		return "no_route_for_name"
	case ProxyHeaderFailed:
		return "proxy_header_failed"
	case TooManyHandshakes:
		return "too_many_handshakes"
	case NoRoute:
		return "no_route"
	case AccessDenied:
		return "access_denied"
	case RouteFull:
		return "route_full"
	case ClientFull:
		return "client_full"
	case NoDestination:
		return "no_destination"
	case NoEndpoints:
		return "no_endpoints"
	case ConnectFailed:
		return "connect_failed"
	case ConnectTimeout:
		return "connect_timeout"
	case EndpointsFull:
		return "endpoints_full"
	case TooManyPending:
		return "too_many_pending"
	case Redistributed:
		return "redistributed"
	}
	return "unknown"
}
