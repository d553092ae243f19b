// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/relay"
	"github.com/wye-dev/wye/proxy/upstream"
)

// serve takes a connection through all stages to its end.
func (d *Driver) serve(client *net.TCPConn, p *listener.Port) {
	c := &flow.Conn{ID: d.ids.Add(1), Listener: p.Name, Client: peer(client), Accepted: time.Now()}
	secret, err := d.shake(client, p.Plan().Route)
	route := p.Plan().Route
	if route != nil {
		c.Route = route.Name
	}
	if err != nil {
		c.Err = err
		_ = client.Close()
		d.account(c, d.opts.Metrics.Accept(p.Name, c.Route, ""), flow.HandshakeFailed)
		return
	}
	var search upstream.Search
	guest := upstream.Guest{Listener: p.Name, Route: route, Client: c.Client, Accepted: time.Now()}
	local := func() netip.AddrPort { return unmapped(client.LocalAddr()) }
	backend, outcome := d.opts.Dialer.Connect(d.ctx, &search, search.Begin(d.opts.Metrics, guest), local)
	c.Arm, c.Dials, c.Err = search.Arm.Name(), search.Dials, search.Err
	c.Bytes.Total = search.Arm
	if search.Admitted {
		defer search.Leave()
	}
	if outcome == flow.Open {
		c.Endpoint, c.Connected = search.Lease.Endpoint().Addr(), time.Now()
		limits := relay.Limits{
			Idle: route.Timeouts.Idle, Lifetime: route.Timeouts.LifetimeOf(c.ID), BytesPerSecond: route.BytesPerSecond,
		}
		outcome = relay.Copy(d.ctx, relay.End{TCP: client, TLS: secret}, relay.End(backend), limits, c)
		search.Lease.Release()
	} else {
		refuse(client)
	}
	d.account(c, search.Arm, outcome)
}

// shake ends the TLS of a client, if the route does.
func (d *Driver) shake(client *net.TCPConn, route *plan.Route) (*tls.Conn, error) {
	if route == nil || route.TLS == nil {
		return nil, nil
	}
	secret := tls.Server(client, route.TLS)
	ctx, cancel := context.WithTimeout(d.ctx, listener.HandshakeTimeout)
	defer cancel()
	return secret, secret.HandshakeContext(ctx)
}

// account closes the books of a connection.
func (d *Driver) account(c *flow.Conn, arm *metrics.Arm, outcome flow.Outcome) {
	if d.ctx.Err() != nil && outcome == flow.HandshakeFailed {
		outcome = flow.DrainDeadline
	}
	c.Outcome, c.Ended = outcome, time.Now()
	arm.Closed(outcome)
	if d.opts.Log.Enabled(d.ctx, slog.LevelDebug) {
		d.opts.Log.LogAttrs(d.ctx, slog.LevelDebug, "connection ended", c.LogAttrs()...)
	}
}

func peer(conn *net.TCPConn) netip.AddrPort { return unmapped(conn.RemoteAddr()) }

func unmapped(of net.Addr) netip.AddrPort {
	addr := of.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// refuse ends a connection that has nowhere to go. It resets it, as connecting to
// nothing would have: a client cannot take that for the end of an empty answer,
// and during an outage no port of the proxy is left waiting in TIME_WAIT.
func refuse(client *net.TCPConn) {
	_ = client.SetLinger(0)
	_ = client.Close()
}
