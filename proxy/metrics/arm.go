// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync/atomic"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// buckets are upper bounds of a histogram's buckets, inclusive.
type buckets [14]time.Duration

func connectBuckets() buckets {
	const us, ms = time.Microsecond, time.Millisecond
	return buckets{
		500 * us, 1 * ms, 2500 * us, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms,
		250 * ms, 500 * ms, 1000 * ms, 2500 * ms, 5000 * ms, 10000 * ms,
	}
}

// Arm counts the connections of one arm. Its methods may be called from any thread.
type Arm struct {
	metrics *Metrics
	labels  labels
	pool    atomic.Pointer[balancer.Pool] // nil when there is no pool to the labels

	stale    atomic.Bool // its connections are to be migrated
	accepted atomic.Int64
	active   atomic.Int64
	closed   [flow.Outcomes]atomic.Int64 // by outcome
	received atomic.Int64
	sent     atomic.Int64
	retries  atomic.Int64
	audited  atomic.Int64
	shakes   atomic.Int64 // handshakes with endpoints that failed

	clients [tlsconf.Reasons]atomic.Int64 // handshakes with clients that failed
	warm    atomic.Int64                  // connections that were ready

	connects    [len(buckets{}) + 1]atomic.Int64 // by bucket, the last without a bound
	connectTime atomic.Int64                     // sum, in nanoseconds
}

// Name of the arm; empty when the connections have none.
func (a *Arm) Name() string { return a.labels.arm }

func (a *Arm) accept() {
	a.accepted.Add(1)
	a.active.Add(1)
}

// Dialled counts attempts to connect to an endpoint, of one connection.
func (a *Arm) Dialled(dials int) {
	if dials > 1 {
		a.retries.Add(int64(dials - 1))
	}
}

// WasReady counts a connection whose way to an endpoint had been opened before.
func (a *Arm) WasReady() { a.warm.Add(1) }

// HandshakeFailed counts an attempt that found no TLS with an endpoint.
func (a *Arm) HandshakeFailed() { a.shakes.Add(1) }

// ClientUnfit counts a client that came to no terms on TLS, by why.
func (a *Arm) ClientUnfit(why error) { a.clients[tlsconf.ReasonOf(why)].Add(1) }

// Connected counts a connection that reached an endpoint after so long.
func (a *Arm) Connected(after time.Duration) {
	bucket := 0
	for bounds := connectBuckets(); bucket < len(bounds) && after > bounds[bucket]; {
		bucket++
	}
	a.connects[bucket].Add(1)
	a.connectTime.Add(int64(after))
}

// Audited counts a connection that the route's access lists would not let in, if
// they did not only audit.
func (a *Arm) Audited() { a.audited.Add(1) }

// Moved counts payload bytes from the client and to the client.
func (a *Arm) Moved(received, sent int64) {
	if received != 0 {
		a.received.Add(received)
	}
	if sent != 0 {
		a.sent.Add(sent)
	}
}

// Closed counts the end of a connection.
func (a *Arm) Closed(o flow.Outcome) {
	a.closed[o].Add(1)
	if a.active.Add(-1) == 0 {
		a.metrics.forget(a)
	}
}
