// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/relay"
	"github.com/wye-dev/wye/proxy/router"
	"github.com/wye-dev/wye/proxy/upstream"
)

// start serves conn on a goroutine of its own.
func (s *Set) start(conn *net.TCPConn, p *port) {
	s.active.Add(1)
	p.enter()
	s.conns.Go(func() {
		defer s.active.Add(-1)
		defer p.leave()
		s.serve(conn, p)
	})
}

// serve takes a connection through all stages to its end.
func (s *Set) serve(client *net.TCPConn, p *port) {
	c := &flow.Conn{
		ID:       s.ids.Add(1),
		Listener: p.name,
		Client:   peer(client),
		Accepted: time.Now(),
	}
	route := p.route.Load()
	up := s.connect(route, c)
	if up.outcome != flow.Open {
		refuse(client)
		s.account(c, up)
		return
	}
	c.Bytes.Total = up.arm
	limits := relay.Limits{Idle: route.Timeouts.Idle, Lifetime: route.Timeouts.Lifetime}
	up.outcome = relay.Copy(s.ctx, client, up.conn, limits, c)
	up.lease.Release()
	s.account(c, up)
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

// upward is the way from a connection to an endpoint, or why there is none.
type upward struct {
	outcome flow.Outcome // Open when there is one
	conn    *net.TCPConn
	lease   balancer.Lease
	arm     *metrics.Arm // where the connection counts
}

// connect finds an arm and an endpoint that can be reached.
func (s *Set) connect(route *plan.Route, c *flow.Conn) upward {
	if route == nil {
		return upward{outcome: flow.NoRoute, arm: s.opts.Metrics.Accept(c.Listener, "", "")}
	}
	c.Route = route.Name
	choice := route.Chooser.Next()
	if choice == router.Nowhere {
		return upward{outcome: flow.NoDestination, arm: s.opts.Metrics.Accept(c.Listener, c.Route, "")}
	}
	var tried router.Set
	for {
		tried = tried.With(choice)
		up := s.reach(route, choice, tried, c)
		if up.outcome == flow.Open || !route.Redistribute || s.ctx.Err() != nil || !time.Now().Before(connectBy(route, c)) {
			return up
		}
		if choice = route.Chooser.Instead(tried); choice == router.Nowhere {
			return up
		}
		up.arm.Closed(flow.Redistributed)
	}
}

// reach connects to an endpoint of one arm.
func (s *Set) reach(route *plan.Route, choice int, tried router.Set, c *flow.Conn) upward {
	c.Arm = route.Chooser.Arms()[choice].Arm
	up := upward{arm: s.opts.Metrics.Accept(c.Listener, c.Route, c.Arm)}
	began, before := time.Now(), c.Dials
	deadline := connectBy(route, c)
	if route.Redistribute && route.Chooser.Left(tried) {
		deadline = began.Add(deadline.Sub(began) / 2) // the other half is for other arms
	}
	limits := upstream.Limits{Deadline: deadline, Attempt: route.Timeouts.Attempt}
	up.conn, up.lease, up.outcome = s.opts.Dialer.Connect(s.ctx, route.Pools[choice], limits, c)
	up.arm.Dialled(c.Dials - before)
	if up.outcome == flow.Open {
		up.arm.Connected(time.Since(began))
	}
	return up
}

func connectBy(route *plan.Route, c *flow.Conn) time.Time {
	return c.Accepted.Add(route.Timeouts.Connect)
}

// account closes the books of a connection.
func (s *Set) account(c *flow.Conn, up upward) {
	c.Outcome, c.Ended = up.outcome, time.Now()
	up.arm.Closed(c.Outcome)
	if s.opts.Log.Enabled(s.ctx, slog.LevelDebug) {
		s.opts.Log.LogAttrs(s.ctx, slog.LevelDebug, "connection ended", c.LogAttrs()...)
	}
}
