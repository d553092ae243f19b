// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/relay"
	"github.com/wye-dev/wye/proxy/upstream"
)

// serve takes a connection through all stages to its end.
func (d *Driver) serve(client *net.TCPConn, p *listener.Port) {
	c := &flow.Conn{ID: d.ids.Add(1), Listener: p.Name, Client: peer(client), Accepted: time.Now()}
	route := p.Route()
	var search upstream.Search
	backend, outcome := d.opts.Dialer.Connect(d.ctx, &search, search.Begin(d.opts.Metrics, p.Name, route, c.Accepted))
	if route != nil {
		c.Route = route.Name
	}
	c.Arm, c.Dials, c.Err = search.ArmName(), search.Dials, search.Err
	c.Bytes.Total = search.Arm
	if outcome == flow.Open {
		c.Endpoint, c.Connected = search.Lease.Endpoint().Addr(), time.Now()
		limits := relay.Limits{Idle: route.Timeouts.Idle, Lifetime: route.Timeouts.Lifetime}
		outcome = relay.Copy(d.ctx, client, backend, limits, c)
		search.Lease.Release()
	} else {
		refuse(client)
	}
	c.Outcome, c.Ended = outcome, time.Now()
	search.Arm.Closed(outcome)
	if d.opts.Log.Enabled(d.ctx, slog.LevelDebug) {
		d.opts.Log.LogAttrs(d.ctx, slog.LevelDebug, "connection ended", c.LogAttrs()...)
	}
}

func peer(conn *net.TCPConn) netip.AddrPort {
	addr := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// refuse ends a connection that has nowhere to go. It resets it, as connecting to
// nothing would have: a client cannot take that for the end of an empty answer,
// and during an outage no port of the proxy is left waiting in TIME_WAIT.
func refuse(client *net.TCPConn) {
	_ = client.SetLinger(0)
	_ = client.Close()
}
