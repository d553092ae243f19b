// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"log/slog"
	"math"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/socket"
)

// aging is the time after which a connection is worth the calls that keep-alive takes.
const aging = 5 * time.Second

// alarmed is called when the time has come that alarm was told.
func (l *loop) alarmed(c *conn) {
	switch c.phase {
	case reading, greeting, shaking:
		l.late(c)
	case dialling, announcing:
		l.waited(c)
	case securing:
		c.secret[backend].abort()
	case relaying:
		l.check(c)
	}
}

// check ends a connection that has reached a limit.
func (l *loop) check(c *conn) {
	if !c.aged && l.now >= c.connected+aging {
		c.aged = true
		_ = socket.SetKeepAlive(int(c.sock[backend].fd)) // those to clients have it from their listener
	}
	if limit := c.route.Timeouts.LifetimeOf(c.id); limit > 0 && l.now >= c.connected+limit {
		l.finish(c, flow.LifetimeExceeded, nil)
		return
	}
	quiet := l.now - c.last
	if limit := c.route.Timeouts.Idle; limit > 0 && quiet >= limit {
		if quiet = l.quiet(c); quiet >= limit {
			l.finish(c, flow.IdleTimeout, nil)
			return
		}
	}
	if c.pace != nil {
		if l.rouse(c); c.phase != relaying {
			return
		}
	}
	l.checkAgain(c, max(c.last, l.now-quiet))
}

// checkAgain sets the alarm for the next limit of a connection that is quiet since then.
func (l *loop) checkAgain(c *conn, since time.Duration) {
	next := time.Duration(math.MaxInt64)
	if !c.aged {
		next = c.connected + aging
	}
	if limit := c.route.Timeouts.LifetimeOf(c.id); limit > 0 {
		next = min(next, c.connected+limit)
	}
	if limit := c.route.Timeouts.Idle; limit > 0 {
		next = min(next, since+limit)
	}
	if next = c.pace.next(next); next < math.MaxInt64 {
		l.alarm(c, next)
	}
}

// quiet is for how long no byte has moved either way. The kernel knows of those that
// receivers take slowly.
func (l *loop) quiet(c *conn) time.Duration {
	kernel := min(socket.Silence(int(c.sock[client].fd)), socket.Silence(int(c.sock[backend].fd)))
	if kernel != socket.Unknown {
		return kernel
	}
	return l.now - c.last
}

// finish ends a relayed connection with an outcome, unless another was noted
// before. It closes both sides in the way that the outcome asks for: with RST after
// one, and when the proxy ends it in the middle of a stream, so that a part cannot
// pass for the whole.
func (l *loop) finish(c *conn, o flow.Outcome, err error) {
	if c.outcome == flow.Open {
		c.outcome, c.err = o, err
	}
	reset := c.outcome.Resets(func() time.Duration { return l.quiet(c) }, c.midway)
	l.disarm(c)
	for s := range c.sock {
		if c.secret[s] != nil && !reset {
			l.farewell(c, side(s))
		}
	}
	for s := range c.sock {
		l.drop(&c.half[s])
		if reset {
			resetSocket(c.sock[s].fd)
		} else {
			closeSocket(c.sock[s].fd)
		}
	}
	c.tell()
	l.account(c)
	c.lease.Release()
	l.slab.release(c)
}

// midway tells whether bytes are on their way that would be lost.
func (c *conn) midway() bool {
	return c.half[client].stuck() || c.half[backend].stuck() ||
		socket.Pending(int(c.sock[client].fd)) || socket.Pending(int(c.sock[backend].fd))
}

// endAll ends every connection, and those that are still to come.
func (l *loop) endAll() {
	l.ending = true
	l.slab.each(func(c *conn) {
		switch c.phase {
		case reading, greeting:
			l.unfit(c, flow.DrainDeadline, nil)
		case shaking:
			c.secret[client].abort()
		case securing:
			c.secret[backend].abort()
		case dialling, announcing:
			l.giveUp(c)
		case relaying:
			l.finish(c, flow.DrainDeadline, nil)
		}
	})
}

// account closes the books of a connection.
func (l *loop) account(c *conn) {
	c.door.Leave(c.peer.addr().Addr())
	c.arm.Closed(c.outcome)
	if log, ctx := l.driver.opts.Log, l.driver.ctx; log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "connection ended", l.describe(c)...)
	}
	if c.handshake {
		c.source.port.EndHandshake()
	}
	c.source.leave()
	l.load.Add(-1)
	l.driver.conns.Done()
}

func (l *loop) describe(c *conn) []slog.Attr {
	f := &flow.Conn{
		ID:       c.id,
		Listener: c.source.port.Name,
		Arm:      c.arm.Name(),
		Client:   c.peer.addr(),
		Accepted: l.base.Add(c.accepted),
		Ended:    time.Now(),
		Dials:    int(c.dials),
		Outcome:  c.outcome,
		Err:      c.err,
	}
	if c.route != nil {
		f.Route = c.route.Name
	}
	if c.header() != nil {
		f.Via = c.front.via.addr()
	}
	if e := c.lease.Endpoint(); e != nil {
		f.Endpoint, f.Connected = e.Addr(), l.base.Add(c.connected)
	}
	f.Bytes.AddReceived(c.half[client].moved)
	f.Bytes.AddSent(c.half[backend].moved)
	return f.LogAttrs()
}
