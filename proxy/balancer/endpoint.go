// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// Endpoint counts the connections to one address. It outlives the pools that it
// is in, for as long as it has connections.
type Endpoint struct {
	addr    netip.AddrPort
	pending atomic.Int64 // connections being set up
	open    atomic.Int64 // connections established

	// since is when its slow start began; nil: it has none.
	since  atomic.Pointer[time.Time]
	credit atomic.Uint64 // of takes, in parts of 1<<32
}

// Addr is where the endpoint is.
func (e *Endpoint) Addr() netip.AddrPort { return e.addr }

// Load is the number of connections being set up and established.
func (e *Endpoint) Load() int64 { return e.pending.Load() + e.open.Load() }

// available tells whether the endpoint may be given a connection. Every policy asks
// it. When it says no for all endpoints of a pool that are left to be tried, they
// all may.
func (e *Endpoint) available() bool { return true }

func (e *Endpoint) lease() Lease {
	e.pending.Add(1)
	return Lease{endpoint: e}
}

// Lease is the hold that a connection has on an endpoint, from being picked to
// its end. The zero Lease holds nothing. It belongs to one connection and must
// not be copied once it is opened.
type Lease struct {
	endpoint *Endpoint
	opened   bool
}

// Endpoint that is held, nil if there is none.
func (l *Lease) Endpoint() *Endpoint { return l.endpoint }

// Opened says that the connection has been established.
func (l *Lease) Opened() {
	if l.endpoint == nil || l.opened {
		return
	}
	l.opened = true
	l.endpoint.open.Add(1)
	l.endpoint.pending.Add(-1)
}

// Release gives the endpoint back. Releasing again does nothing.
func (l *Lease) Release() {
	switch {
	case l.endpoint == nil:
	case l.opened:
		l.endpoint.open.Add(-1)
	default:
		l.endpoint.pending.Add(-1)
	}
	*l = Lease{}
}
