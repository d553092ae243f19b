// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"errors"
	"io"
	"slices"

	"golang.org/x/sys/unix"
)

// sealedScratch is the size of a loop's buffer for what clients send in TLS. With
// what crypto/tls may have left of a record before, it opens to less than scratch.
const sealedScratch = 64 << 10

// errAgain says that there is nothing more to read now. crypto/tls goes on after an
// error that is temporary where it has left off.
type errAgain struct{}

func (errAgain) Error() string   { return "nothing more to read now" }
func (errAgain) Timeout() bool   { return false }
func (errAgain) Temporary() bool { return true }

// record follows the records that crypto/tls reads, and keeps it from reading past
// the end of one: its buffer, which it keeps, would grow to hold several.
type record struct {
	header [5]byte
	have   int // of the header
	left   int // of the body
}

// room is the part of b that may be read into.
func (r *record) room(b []byte) []byte {
	if r.left > 0 {
		return b[:min(len(b), r.left)]
	}
	return b[:min(len(b), len(r.header)-r.have)]
}

// read notes what was read into room.
func (r *record) read(b []byte) {
	if r.left > 0 {
		r.left -= len(b)
		return
	}
	r.have += copy(r.header[r.have:], b)
	if r.have == len(r.header) {
		r.have, r.left = 0, int(r.header[3])<<8|int(r.header[4])
	}
}

// take hands over what the loop has received.
func (s *secret) take(b []byte) (int, error) {
	switch {
	case len(s.in) > 0:
		n := copy(s.record.room(b), s.in)
		s.record.read(b[:n])
		s.in = s.in[n:]
		return n, nil
	case s.ended:
		return 0, io.EOF
	default:
		return 0, errAgain{}
	}
}

// open moves what one read takes from a client, out of TLS, and returns its size.
func (l *loop) open(c *conn) int {
	h, src, s := &c.half[client], &c.sock[client], c.secret
	b := l.sealedIn[:c.pace.most(client, l.now, len(l.sealedIn))]
	n, errno := receive(src.fd, b)
	c.pace.spend(client, n)
	switch {
	case errno == unix.EAGAIN:
		src.readable = false
	case errno == unix.EINTR:
		return 0
	case errno != 0:
		l.broken(c, client, client, errno)
		return 0
	case n == 0:
		s.ended, src.readable = true, false
	case n < len(b):
		src.readable = src.hung
	}
	s.in = l.sealedIn[:max(n, 0)]
	plain := 0
	for {
		m, err := s.tls.Read(l.buf[plain:])
		plain += m
		if err == nil {
			continue
		}
		if l.answer(c); c.phase != relaying {
			return 0
		}
		s.in = nil // crypto/tls has all of it, unless it has met an end
		if rest := l.write(c, client, l.buf[:plain]); len(rest) > 0 {
			l.hold(h, rest)
		}
		switch {
		case c.phase != relaying || errors.Is(err, errAgain{}):
		case errors.Is(err, io.EOF):
			h.ended = true
		default:
			l.broken(c, client, client, err)
		}
		return n
	}
}

// answer sends what crypto/tls has to say by itself: that a key is changed, or an alert.
func (l *loop) answer(c *conn) {
	if len(l.sealed) > 0 {
		l.sendSealed(c)
	}
}

// seal puts b, from the endpoint, into TLS and writes that.
func (l *loop) seal(c *conn, b []byte) {
	if _, err := c.secret.tls.Write(b); err != nil {
		l.broken(c, backend, client, err)
		return
	}
	c.half[backend].moved += int64(len(b))
	l.noted(c)
	l.sendSealed(c)
}

// bid says to the client, in TLS, that nothing more will come.
func (l *loop) bid(c *conn) {
	c.secret.bidden = true
	_ = c.secret.tls.CloseWrite()
	l.sendSealed(c)
}

// farewell does the same for a connection that is about to be closed, if it can be
// done at once.
func (l *loop) farewell(c *conn) {
	if c.secret.bidden || c.half[backend].held != nil {
		return
	}
	_ = c.secret.tls.CloseWrite()
	_, _ = send(c.sock[client].fd, l.sealed)
	l.sealed = l.sealed[:0]
}

// sendSealed writes what TLS has put into records, after what is held for the client.
func (l *loop) sendSealed(c *conn) {
	h, b := &c.half[backend], l.sealed
	l.sealed = l.sealed[:0]
	if h.held == nil {
		b = l.put(c, backend, b, false)
	}
	switch {
	case len(b) == 0:
	case h.held == nil:
		l.hold(h, b)
	default: // rare: an answer of crypto/tls while data is held
		before := h.held
		l.hold(h, slices.Concat(before.rest, b))
		l.blocks.give(before)
	}
}
