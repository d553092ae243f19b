// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/upstream"
)

const (
	// acceptsAtOnce is how many connections a loop accepts before it looks after those it has.
	acceptsAtOnce = 8
	// acceptPause follows an error of accept, which is mostly a lack of descriptors, and passes.
	acceptPause = 50 * time.Millisecond
)

// guest is a connection that has been accepted, on its way to its loop. Its port
// and that loop have counted it in.
type guest struct {
	fd     int32
	peer   peer
	source *source
}

// accept lets in those who wait on a port.
func (l *loop) accept(in *listening) {
	for range acceptsAtOnce {
		if !in.enter() {
			l.pause(in)
			return
		}
		fd, errno := accept(in.fd, &l.from)
		if errno != 0 {
			in.stay()
			l.cannotAccept(in, errno)
			return
		}
		l.invite(in.guest(fd, &l.from))
	}
}

// cannotAccept deals with an error of accept.
func (l *loop) cannotAccept(in *listening, errno unix.Errno) {
	switch errno {
	case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED: // nobody waits any more, or will be seen at once
	default:
		l.driver.opts.Log.Warn("cannot accept, trying again", "listener", in.port.Name, "after", acceptPause, "err", errno)
		l.pause(in)
		time.AfterFunc(acceptPause, func() { l.post(letter{do: func() { l.resume(in) }}) })
	}
}

// invite takes a connection in, here or in a loop that has more room.
func (l *loop) invite(g guest) {
	if to := l.driver.lodge(l); to == l {
		l.admit(g)
	} else {
		to.post(letter{guest: g})
	}
}

// admit begins with a connection: with what its client has to say before it is routed,
// with its handshake, or at once with the search for an endpoint.
func (l *loop) admit(g guest) {
	c := l.slab.take()
	c.peer, c.source, c.accepted = g.peer, g.source, l.now
	c.id = l.ids
	l.ids += uint64(len(l.driver.loops))
	c.sock[client] = sock{fd: g.fd}
	front := g.source.port.Plan()
	c.route = front.Route
	headed := front.ProxyProtocol != nil && front.ProxyProtocol.Trusts(c.peer.addr().Addr())
	switch {
	case headed || front.Names != nil:
		l.meet(c, headed)
	case c.route != nil && c.route.TLS != nil:
		if l.knock(c) {
			l.greet(c)
		}
	default:
		c.sock[client].readable, c.sock[client].writable = true, true
		l.search(c)
	}
}

// search begins to look for an endpoint.
func (l *loop) search(c *conn) {
	c.phase = dialling
	c.search = l.takeSearch()
	l.step(c, c.search.Begin(l.driver.opts.Metrics, upstream.Guest{
		Listener: c.source.port.Name,
		Route:    c.route,
		Client:   c.peer.addr(),
		Door:     c.door,
		Proxied:  c.header(),
		Accepted: l.base.Add(l.now),
	}))
}
