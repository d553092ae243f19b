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
	"github.com/wye-dev/wye/proxy/relay"
	"github.com/wye-dev/wye/proxy/upstream"
)

// serve takes a connection through all stages to its end.
func (d *Driver) serve(client *net.TCPConn, p *listener.Port) {
	c := &flow.Conn{ID: d.ids.Add(1), Listener: p.Name, Client: peer(client), Accepted: time.Now()}
	f := &front{conn: client, port: p}
	secret, outcome := d.greet(c, f)
	if outcome != flow.Open {
		if outcome.Refuses() {
			refuse(client)
		}
		_ = client.Close()
		f.door.Leave(c.Client.Addr())
		arm := d.opts.Metrics.Accept(p.Name, c.Route, "")
		if outcome == flow.HandshakeFailed {
			arm.ClientUnfit(c.Err)
		}
		d.account(c, arm, outcome)
		return
	}
	route := f.route
	var search upstream.Search
	guest := upstream.Guest{Listener: p.Name, Route: route, Client: c.Client, Door: f.door, Proxied: f.header, Accepted: time.Now()}
	local := func() netip.AddrPort { return unmapped(client.LocalAddr()) }
	backend, outcome := d.opts.Dialer.Connect(d.ctx, &search, search.Begin(d.opts.Metrics, guest), local)
	c.Arm, c.Dials, c.Err = search.Arm.Name(), search.Dials, search.Err
	c.Bytes.Total = search.Arm
	if outcome == flow.Open {
		c.Endpoint, c.Connected = search.Lease.Endpoint().Addr(), time.Now()
		observe(c, &search.Lease)
		here := &relayed{driver: d, arm: search.Arm}
		d.residents.enter(here)
		limits := relay.Limits{
			Idle: route.Timeouts.Idle, Lifetime: route.Timeouts.LifetimeOf(c.ID), BytesPerSecond: route.BytesPerSecond,
			Reins: &here.reins,
		}
		outcome = relay.Copy(d.ctx, relay.End{TCP: client, TLS: secret}, relay.End(backend), limits, c)
		d.residents.leave(here)
		search.Lease.Release()
	} else {
		refuse(client)
	}
	search.Door.Leave(c.Client.Addr())
	d.account(c, search.Arm, outcome)
}

// greet does all that comes before a connection is routed. It is Open with the
// connection's route known, and its TLS, if the route ends that.
func (d *Driver) greet(c *flow.Conn, f *front) (*tls.Conn, flow.Outcome) {
	now := f.port.Plan()
	f.headed = now.ProxyProtocol != nil && now.ProxyProtocol.Trusts(c.Client.Addr())
	if !f.headed && now.Names == nil && (now.Route == nil || now.Route.TLS == nil) {
		f.settle(c, now.Route)
		return nil, flow.Open
	}
	if !f.port.BeginHandshake() {
		return nil, flow.TooManyHandshakes
	}
	defer f.port.EndHandshake()
	outcome, err := f.read(d.ctx, c)
	if c.Err = err; outcome != flow.Open {
		return nil, outcome
	}
	f.settle(c, f.route)
	if f.route == nil || f.route.TLS == nil {
		return nil, flow.Open
	}
	if f.door, outcome = upstream.Knock(f.route, c.Client.Addr()); outcome != flow.Open {
		return nil, outcome
	}
	secret := tls.Server(f.conn, f.route.TLS)
	ctx, cancel := context.WithDeadline(d.ctx, c.Accepted.Add(listener.HandshakeTimeout))
	defer cancel()
	if c.Err = secret.HandshakeContext(ctx); c.Err != nil {
		return nil, flow.HandshakeFailed
	}
	f.settle(c, f.port.Plan().Now(f.route))
	return secret, flow.Open
}

// account closes the books of a connection.
func (d *Driver) account(c *flow.Conn, arm *metrics.Arm, outcome flow.Outcome) {
	if d.ctx.Err() != nil && (outcome == flow.HandshakeFailed || outcome == flow.ProxyHeaderFailed) {
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
