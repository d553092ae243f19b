// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/hello"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/proxyproto"
	"github.com/wye-dev/wye/proxy/socket"
)

// mostRead is how many bytes are looked at before it is known where a connection goes.
const mostRead = max(hello.MaxLen, proxyproto.MaxLen)

// front is what is known of a client that is still being read, and afterwards of one
// that came through a proxy.
type front struct {
	headed bool               // a PROXY header comes next
	needs  int                // bytes that have to be there before it is worth looking again
	header *proxyproto.Header // nil: none has come
	via    peer               // who sent it
}

// meet begins with a client that has to say something before its connection can be
// routed: a PROXY header, what it asks for in TLS, or both. What it says is looked at
// where it is, in the kernel; only the header is taken out.
func (l *loop) meet(c *conn, headed bool) {
	if !l.beginHandshake(c) {
		return
	}
	c.phase = reading
	c.route = nil
	c.front = &front{headed: headed}
	l.attend(c)
}

// attend waits for what a client says, and not for ever; not at all at the end of a drain.
func (l *loop) attend(c *conn) {
	if l.ending {
		l.unfit(c, flow.DrainDeadline, nil)
		return
	}
	l.alarm(c, c.accepted+listener.HandshakeTimeout)
	c.watched = true
	if errno := l.watch(c, client); errno != 0 {
		l.misread(c, errno)
	}
}

// beginHandshake counts a connection among those that are not routed yet. If there are
// too many, it ends it, and is false.
func (l *loop) beginHandshake(c *conn) bool {
	if c.handshake = c.source.port.BeginHandshake(); c.handshake {
		return true
	}
	l.unfit(c, flow.TooManyHandshakes, nil)
	return false
}

// endHandshake goes on with a connection of which everything has been read.
func (l *loop) endHandshake(c *conn) {
	l.disarm(c)
	c.handshake = false
	c.source.port.EndHandshake()
	c.sock[client].readable, c.sock[client].writable = true, true
	l.search(c)
}

// look is called when a client may have said more.
func (l *loop) look(c *conn) {
	src, f := &c.sock[client], c.front
	for c.phase == reading {
		if f.needs > 0 && !src.hung && socket.Received(int(src.fd)) < f.needs {
			return
		}
		n, errno := peek(src.fd, l.buf[:mostRead])
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			src.readable = false
			return
		case errno != 0:
			l.misread(c, errno)
			return
		case n == 0:
			l.misread(c, io.EOF)
			return
		}
		if l.consider(c, l.buf[:n]); c.phase == reading && f.needs > n {
			if src.hung {
				l.misread(c, io.ErrUnexpectedEOF)
			}
			return
		}
	}
}

// consider reads b, which is all that a client has said so far.
func (l *loop) consider(c *conn, b []byte) {
	if c.front.headed {
		l.readHeader(c, b)
		return
	}
	names := c.source.port.Plan()
	if names.Names == nil { // any more
		l.settle(c, names.Route, true)
		return
	}
	asked, n, err := hello.Read(b)
	switch {
	case err != nil && !errors.Is(err, hello.ErrNone) || err != nil && names.Route == nil:
		l.misread(c, err)
	case err != nil:
		l.settle(c, names.Route, true)
	case asked == nil:
		c.front.needs = n
	default:
		if route, why := names.RouteFor(asked.Name, asked.Protocols); route != nil {
			l.settle(c, route, true)
		} else {
			l.turnDown(c, why)
		}
	}
}

// readHeader takes the PROXY header, and nothing that comes after it, once it is there.
func (l *loop) readHeader(c *conn, b []byte) {
	f := c.front
	header, n, err := proxyproto.Read(b)
	if err != nil {
		l.misread(c, err)
		return
	}
	if f.needs = n; header == nil {
		return
	}
	if took, _ := receive(c.sock[client].fd, b[:n]); took != n {
		l.misread(c, io.ErrUnexpectedEOF)
		return
	}
	f.headed, f.needs, f.header, f.via = false, 0, header, c.peer
	if !header.Local {
		c.peer = peerOf(header.Source)
	}
	if now := c.source.port.Plan(); now.Names == nil {
		l.settle(c, now.Route, len(b) > n)
	}
}

// settle routes a connection. begun says that the client has said more than was read.
func (l *loop) settle(c *conn, to *plan.Route, begun bool) {
	c.route = to
	if c.front.header == nil {
		c.front = nil
	}
	switch {
	case to == nil || to.TLS == nil:
		l.endHandshake(c)
	case !l.knock(c):
	case begun || c.sock[client].hung: // nothing will tell of an end that has come with the header
		l.shake(c)
	default:
		c.phase = greeting
		c.sock[client].readable = false // all that came has been read
	}
}

// misread ends a connection whose client has not said what had to come, or not in time.
func (l *loop) misread(c *conn, err error) {
	outcome := flow.HandshakeFailed
	if c.front != nil && c.front.headed {
		outcome = flow.ProxyHeaderFailed
	}
	l.unfit(c, outcome, err)
}

// turnDown tells a client of TLS that there is no route for what it asks for. What it
// has said is read first: a socket that is closed before would lose the alert.
func (l *loop) turnDown(c *conn, why *plan.NoRoute) {
	fd := c.sock[client].fd
	_, _ = receive(fd, l.buf)
	alert := hello.NoName()
	if why.Named {
		alert = hello.NoProtocol()
	}
	_, _ = send(fd, alert[:])
	l.unfit(c, flow.NoRouteForName, why)
}
