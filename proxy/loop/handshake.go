// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"crypto/tls"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/upstream"
)

// errTime is why a handshake ends that takes too long.
var errTime error = tooLong{}

// tooLong is a net.Error of time.
type tooLong struct{}

func (tooLong) Error() string   { return "the handshake took too long" }
func (tooLong) Timeout() bool   { return true }
func (tooLong) Temporary() bool { return false }

// greet waits for a client to begin with TLS. Until then it costs no goroutine.
func (l *loop) greet(c *conn) {
	if l.beginHandshake(c) {
		c.phase = greeting
		l.attend(c)
	}
}

// knock asks at the door of the route before the handshake. If the client may not come
// in, it ends the connection, and is false.
func (l *loop) knock(c *conn) bool {
	door, refusal := upstream.Knock(c.route, c.peer.addr().Addr())
	if c.door = door; refusal != flow.Open {
		l.unfit(c, refusal, nil)
	}
	return refusal == flow.Open
}

// shake has a goroutine do the handshake: crypto/tls cannot leave it and come back.
func (l *loop) shake(c *conn) {
	c.phase = shaking
	secret := newSecret(l, c.sock[client].fd)
	secret.tls = tls.Server(secret, c.route.TLS)
	c.secret[client] = secret
	go func() {
		err := secret.tls.Handshake()
		l.post(letter{do: func() { l.shaken(c, err) }})
	}()
}

// shaken goes on after the handshake. Until it is called c is not given back.
func (l *loop) shaken(c *conn, err error) {
	outcome := flow.HandshakeFailed
	if l.ending {
		outcome = flow.DrainDeadline
	}
	if err != nil || l.ending {
		l.unfit(c, outcome, err)
		return
	}
	c.secret[client].relay()
	c.route = c.source.port.Plan().Now(c.route)
	l.endHandshake(c)
}

// unfit ends a connection that could not be routed, or has come to no terms on TLS.
func (l *loop) unfit(c *conn, o flow.Outcome, err error) {
	route := ""
	if c.route != nil {
		route = c.route.Name
	}
	c.arm = l.driver.opts.Metrics.Accept(c.source.port.Name, route, "")
	c.outcome, c.err = o, err
	if o == flow.HandshakeFailed {
		c.arm.ClientUnfit(err)
	}
	l.disarm(c)
	if o.Refuses() {
		resetSocket(c.sock[client].fd)
	} else {
		closeSocket(c.sock[client].fd)
	}
	l.account(c)
	l.slab.release(c)
}

// late ends a handshake that has taken its time.
func (l *loop) late(c *conn) {
	if c.phase == shaking {
		c.secret[client].abort()
		return
	}
	l.misread(c, errTime)
}

// greeted is what the kernel tells of a client before the handshake is done.
func (l *loop) greeted(c *conn, events uint32) {
	c.sock[client].seen(events)
	switch {
	case c.phase == shaking:
		c.secret[client].wake()
	case !c.sock[client].readable:
	case c.phase == reading:
		l.look(c)
	default:
		l.shake(c)
	}
}

// secret is where TLS with one side of a connection ends: crypto/tls over the socket.
// It is the net.Conn that crypto/tls reads and writes. During the handshake, on a
// goroutine, that waits for the socket; after that, on the loop, it hands over what
// the loop has received, and gathers what the loop is to send.
type secret struct {
	loop   *loop
	tls    *tls.Conn
	fd     int32
	relays bool // the handshake is done
	ended  bool // the peer has closed its side of the socket
	bidden bool // the peer has been told that nothing more will come
	asks   bool // crypto/tls had something to answer to what was read last
	record record

	// During the handshake:
	ready   chan struct{} // has a value when the socket may have become ready
	stopped chan struct{} // closed to end it
	aborted bool          // it is

	// After it:
	in []byte // received, and not read by crypto/tls yet
}

// newSecret is over a socket. The caller makes the end of TLS over it.
func newSecret(l *loop, fd int32) *secret {
	return &secret{loop: l, fd: fd, ready: make(chan struct{}, 1), stopped: make(chan struct{})}
}

// wake has the handshake look at the socket again.
func (s *secret) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// abort ends the handshake.
func (s *secret) abort() {
	if !s.aborted {
		s.aborted = true
		close(s.stopped)
	}
}

// relay is called when the handshake is done.
func (s *secret) relay() {
	s.relays, s.ready, s.stopped = true, nil, nil
	if s.loop.sealedIn == nil {
		s.loop.sealedIn = make([]byte, sealedScratch)
	}
}

// Read is the net.Conn's.
func (s *secret) Read(b []byte) (int, error) {
	if s.relays {
		return s.take(b)
	}
	for {
		n, errno := receive(s.fd, s.record.room(b))
		switch {
		case errno == 0 && n == 0:
			return 0, net.ErrClosed
		case errno == 0:
			s.record.read(b[:n])
			return n, nil
		case errno == unix.EAGAIN:
			if err := s.await(); err != nil {
				return 0, err
			}
		case errno != unix.EINTR:
			return 0, errno
		}
	}
}

// Write is the net.Conn's.
func (s *secret) Write(b []byte) (int, error) {
	if s.relays {
		s.loop.sealed = append(s.loop.sealed, b...)
		return len(b), nil
	}
	for done := 0; ; {
		n, errno := send(s.fd, b[done:])
		switch errno {
		case 0:
			if done += n; done == len(b) {
				return done, nil
			}
		case unix.EINTR:
		case unix.EAGAIN:
			if err := s.await(); err != nil {
				return done, err
			}
		default:
			return done, errno
		}
	}
}

func (s *secret) await() error {
	select {
	case <-s.ready:
		return nil
	case <-s.stopped:
		return errTime
	}
}

// What else a net.Conn has, crypto/tls does not use here.

func (s *secret) Close() error                     { return nil }
func (s *secret) LocalAddr() net.Addr              { return nil }
func (s *secret) RemoteAddr() net.Addr             { return &net.TCPAddr{} } // a key for sessions, which have a better one
func (s *secret) SetDeadline(time.Time) error      { return nil }
func (s *secret) SetReadDeadline(time.Time) error  { return nil }
func (s *secret) SetWriteDeadline(time.Time) error { return nil }
