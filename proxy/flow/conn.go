// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package flow is the account of a connection: one value per connection that
// every stage writes what it knows into, and the closed list of ways in which a
// connection ends. Logs and metrics are made from that value and from nothing
// else. It does no IO and reads no clock.
package flow

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// Conn is the account of one client's connection. But for Bytes it belongs to the
// goroutine that serves the connection.
type Conn struct {
	ID       uint64 // unique in the life of the process
	Listener string
	Route    string // empty when the listener has none
	Arm      string // the arm in the end, empty when there is none
	Client   netip.AddrPort
	Via      netip.AddrPort // who told of the client by the PROXY protocol; the zero value for nobody
	Endpoint netip.AddrPort // the zero value unless connected

	Accepted  time.Time
	Connected time.Time // to the endpoint; zero if it never was
	Ended     time.Time

	Dials   int // attempts to connect to an endpoint, of all arms together
	Outcome Outcome
	Err     error // what the system said, for outcomes that are failures; may be nil

	Bytes Bytes

	// Dropped is called at most once: when the endpoint has ended the connection before
	// the client did, and before it has sent anything. Nil: nobody asks.
	Dropped func()
}

// Bytes counts payload while it moves. A nil Total is not counted in.
type Bytes struct {
	Received atomic.Int64 // from the client, as written to the endpoint
	Sent     atomic.Int64 // to the client
	Total    Counter      // is told the same
	First    func()       // is called with the first that are sent; nil: nobody asks
}

// Counter takes the bytes of many connections together.
type Counter interface {
	// Moved adds bytes. It is called by several goroutines.
	Moved(received, sent int64)
}

// AddReceived counts n bytes from client to endpoint.
func (b *Bytes) AddReceived(n int64) {
	b.Received.Add(n)
	if b.Total != nil {
		b.Total.Moved(n, 0)
	}
}

// AddSent counts n bytes from endpoint to client.
func (b *Bytes) AddSent(n int64) {
	if b.Sent.Add(n) == n && b.First != nil && n > 0 {
		b.First()
	}
	if b.Total != nil {
		b.Total.Moved(0, n)
	}
}

// LogAttrs describes the connection for a log line.
func (c *Conn) LogAttrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.Uint64("conn", c.ID),
		slog.String("listener", c.Listener),
		slog.String("route", c.Route),
		slog.String("arm", c.Arm),
		slog.String("client", c.Client.String()),
		slog.String("outcome", c.Outcome.String()),
		slog.Int("dials", c.Dials),
		slog.Int64("received", c.Bytes.Received.Load()),
		slog.Int64("sent", c.Bytes.Sent.Load()),
		slog.Duration("duration", c.Ended.Sub(c.Accepted)),
	}
	if c.Via.IsValid() {
		attrs = append(attrs, slog.String("via", c.Via.String()))
	}
	if c.Endpoint.IsValid() {
		attrs = append(attrs, slog.String("endpoint", c.Endpoint.String()))
	}
	if !c.Connected.IsZero() {
		attrs = append(attrs, slog.Duration("connect", c.Connected.Sub(c.Accepted)))
	}
	if c.Err != nil {
		attrs = append(attrs, slog.String("err", c.Err.Error()))
	}
	return attrs
}
