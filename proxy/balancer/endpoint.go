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
	load    atomic.Int64  // connections being set up and established

	// since is when its slow start began; nil: it has none.
	since  atomic.Pointer[time.Time]
	credit atomic.Uint64 // of takes, in parts of 1<<32
}

// Addr is where the endpoint is.
func (e *Endpoint) Addr() netip.AddrPort { return e.addr }

// Load is the number of connections being set up and established.
func (e *Endpoint) Load() int64 { return e.load.Load() }

// take counts a connection that is to be set up, unless there are most. 0: no limit.
func (e *Endpoint) take(most int64) bool {
	if most == 0 {
		e.load.Add(1)
		return true
	}
	for {
		switch load := e.load.Load(); {
		case load >= most:
			return false
		case e.load.CompareAndSwap(load, load+1):
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
	l.opened = l.endpoint != nil
}

// Release gives the endpoint back. Releasing again does nothing.
func (l *Lease) Release() {
	if l.probe && !l.opened {
		l.abandon()
	}
	if l.endpoint != nil {
		l.endpoint.load.Add(-1)
	}
	*l = Lease{}
}
