// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"crypto/tls"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/upstream"
)

// approach does what goes between TCP with an endpoint and payload: the PROXY header,
// and then TLS. All of it is part of the attempt, and of its time.
func (l *loop) approach(c *conn) {
	if c.phase == dialling {
		if version := c.search.Reach().ProxyProtocol; version != 0 {
			c.phase = announcing
			l.announce(c, version)
			return
		}
	} else if !l.announced(c) {
		return
	}
	l.secure(c)
}

// announce sends the PROXY header. What the endpoint does not take is held, and sent
// before anything else.
func (l *loop) announce(c *conn, version byte) {
	text, err := c.search.Header(func() netip.AddrPort { return localAddress(c.sock[client].fd) }).Format(version)
	if err != nil {
		l.failed(c, err)
		return
	}
	l.hold(&c.half[client], text)
	if l.announced(c) {
		l.secure(c)
	}
}

// announced tells whether all of the header has been sent. If it is false, the endpoint
// is not ready for more, or the attempt has failed.
func (l *loop) announced(c *conn) bool {
	held := c.half[client].held
	for held != nil && len(held.rest) > 0 {
		n, errno := send(c.sock[backend].fd, held.rest)
		switch errno {
		case 0:
			held.rest = held.rest[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			l.failed(c, errno)
			return false
		}
	}
	l.drop(&c.half[client])
	return true
}

// secure has a goroutine do the handshake with an endpoint, if the pool asks for TLS.
func (l *loop) secure(c *conn) {
	outgoing := c.search.Reach().TLS
	if outgoing == nil {
		c.sock[backend].readable, c.sock[backend].writable = true, true
		l.reached(c)
		return
	}
	c.phase = securing
	secret := newSecret(l, c.sock[backend].fd)
	secret.tls = tls.Client(secret, outgoing.Config(c.search.Lease.Endpoint().Addr()))
	c.secret[backend] = secret
	go func() {
		err := secret.tls.Handshake()
		l.post(letter{do: func() { l.secured(c, err) }})
	}()
}

// secured goes on after the handshake. Until it is called c is not given back, and its
// socket stays open.
func (l *loop) secured(c *conn, err error) {
	switch {
	case l.ending:
		l.giveUp(c)
	case err != nil:
		l.failed(c, &upstream.HandshakeError{Err: err})
	default:
		c.secret[backend].relay()
		c.sock[backend].readable, c.sock[backend].writable = true, true
		l.reached(c)
	}
}

// localAddress is where a client has connected to; the zero AddrPort if it is gone.
func localAddress(fd int32) netip.AddrPort {
	name, err := unix.Getsockname(int(fd))
	if err != nil {
		return netip.AddrPort{}
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), uint16(name.Port))
	}
	return netip.AddrPort{}
}
