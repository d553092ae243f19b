// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/hello"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/proxyproto"
	"github.com/wye-dev/wye/proxy/socket"
	"github.com/wye-dev/wye/proxy/upstream"
)

// front reads what a client has to say before its connection can be routed.
type front struct {
	conn   *net.TCPConn
	port   *listener.Port
	headed bool               // a PROXY header comes first
	buf    []byte             // nil until something is read
	header *proxyproto.Header // nil: none has come
	route  *plan.Route        // in the end; nil: there is none
	door   upstream.Door      // of route, if it has been asked already
}

// read returns Open, or why the connection ends. c is told what is found out.
func (f *front) read(ctx context.Context, c *flow.Conn) (flow.Outcome, error) {
	if now := f.port.Plan(); !f.headed && now.Names == nil {
		f.route = now.Route
		return flow.Open, nil
	}
	f.buf = make([]byte, max(hello.MaxLen, proxyproto.MaxLen))
	_ = f.conn.SetReadDeadline(c.Accepted.Add(listener.HandshakeTimeout))
	over := context.AfterFunc(ctx, func() { _ = f.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if over() {
			_ = f.conn.SetReadDeadline(time.Time{})
		}
	}()
	if f.headed {
		if err := f.readHeader(c); err != nil {
			return flow.ProxyHeaderFailed, err
		}
	}
	return f.readNames()
}

// settle is called with the route that the connection goes to; nil: there is none.
func (f *front) settle(c *flow.Conn, route *plan.Route) {
	if f.route = route; route != nil {
		c.Route = route.Name
	}
}

// readHeader takes the PROXY header, and nothing that comes after it.
func (f *front) readHeader(c *flow.Conn) error {
	size := 0
	err := f.look(func(b []byte) (needs int, err error) {
		f.header, size, err = proxyproto.Read(b)
		if f.header != nil {
			return 0, nil
		}
		return size, err
	})
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(f.conn, f.buf[:size]); err != nil {
		return err
	}
	c.Via = c.Client
	if !f.header.Local {
		c.Client = f.header.Source
	}
	return nil
}

// readNames finds the route by what the client asks for in TLS, where that matters.
func (f *front) readNames() (flow.Outcome, error) {
	var asked *hello.Hello
	if now := f.port.Plan(); now.Names == nil {
		f.route = now.Route
		return flow.Open, nil
	}
	err := f.look(func(b []byte) (needs int, err error) {
		asked, needs, err = hello.Read(b)
		if asked != nil {
			return 0, nil
		}
		return needs, err
	})
	now := f.port.Plan()
	switch {
	case errors.Is(err, hello.ErrNone) && now.Route != nil:
		f.route = now.Route
		return flow.Open, nil
	case err != nil:
		return flow.HandshakeFailed, err
	}
	route, why := now.RouteFor(asked.Name, asked.Protocols)
	if route == nil {
		f.turnDown(why)
		return flow.NoRouteForName, why
	}
	f.route = route
	return flow.Open, nil
}

// turnDown tells a client of TLS that there is no route for what it asks for. What it
// has said is read first: a socket that is closed before would lose the alert.
func (f *front) turnDown(why *plan.NoRoute) {
	_, _ = f.conn.Read(f.buf)
	alert := hello.NoName()
	if why.Named {
		alert = hello.NoProtocol()
	}
	_, _ = f.conn.Write(alert[:])
}

// look has read look at all that the client has said so far, which stays where it is,
// until that needs no more bytes, or has an error.
func (f *front) look(read func(b []byte) (needs int, err error)) error {
	raw, err := f.conn.SyscallConn()
	if err != nil {
		return err
	}
	var seen error
	needs := 0
	err = raw.Read(func(fd uintptr) (done bool) {
		ended := socket.Ended(int(fd))
		if !ended && needs > 0 && socket.Received(int(fd)) < needs {
			return false
		}
		n, _, errno := unix.Recvfrom(int(fd), f.buf, unix.MSG_PEEK)
		switch {
		case errors.Is(errno, syscall.EAGAIN) || errors.Is(errno, syscall.EINTR):
			return false
		case errno != nil:
			seen = errno
		case n == 0:
			seen = io.EOF
		default:
			if needs, seen = read(f.buf[:n]); needs > 0 && ended {
				seen = io.ErrUnexpectedEOF
			}
		}
		return needs == 0 || seen != nil
	})
	if err != nil {
		return err
	}
	return seen
}
