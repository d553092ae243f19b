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
	lineage *lineage      // of its pools
	word    atomic.Uint64 // the verdict on how it does
	pending atomic.Int64  // connections being set up
	open    atomic.Int64  // connections established

	// since is when its slow start began; nil: it has none.
	since  atomic.Pointer[time.Time]
	credit atomic.Uint64 // of takes, in parts of 1<<32
}

// Addr is where the endpoint is.
func (e *Endpoint) Addr() netip.AddrPort { return e.addr }

// Load is the number of connections being set up and established.
func (e *Endpoint) Load() int64 { return e.pending.Load() + e.open.Load() }

// take counts a connection that is to be set up, unless there are most. 0: no limit.
func (e *Endpoint) take(most int64) bool {
	if most == 0 {
		e.pending.Add(1)
		return true
	}
	for {
		// In this order a connection that is being opened counts once or twice, but
		// not less; and where that could matter, pending has changed.
		pending := e.pending.Load()
		full := pending+e.open.Load() >= most
		switch {
		case full && e.pending.Load() == pending:
			return false
		case !full && e.pending.CompareAndSwap(pending, pending+1):
			return true
		}
	}
}

// Lease is the hold that a connection has on an endpoint, from being picked to
// its end. The zero Lease holds nothing. It belongs to one connection and must
// not be copied once it is opened.
type Lease struct {
	endpoint *Endpoint
	opened   bool
	probe    bool // it is what an endpoint that was out is tried by
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
	if l.probe && !l.opened {
		l.abandon()
	}
	switch {
	case l.endpoint == nil:
	case l.opened:
		l.endpoint.open.Add(-1)
	default:
		l.endpoint.pending.Add(-1)
	}
	*l = Lease{}
}
