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

// sealedScratch is the size of a loop's buffer for what is received in TLS. With
// what crypto/tls may have left of a record before, it opens to less than scratch.
const sealedScratch = 64 << 10

// sealedMost is how many bytes are held for a side. What is to be held of a turn is
// about scratch; the rest is for answers of crypto/tls, one of which is smaller than
// what it answers, so that only who asks for thousands and reads none has so many.
const sealedMost = 2 * scratch

// askedMost is how much is read of a side that had something to be answered before.
const askedMost = 2 << 10

// errUnread is why a connection ends that has too many answers held.
var errUnread = errors.New("too many requests for other keys whose answers were not read")

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

// open moves what one read takes from a side, out of TLS, and returns its size.
func (l *loop) open(c *conn, from side) int {
	h, src, s := &c.half[from], &c.sock[from], c.secret[from]
	most := len(l.sealedIn)
	if s.asks {
		most = askedMost
	}
	b := l.sealedIn[:c.pace.most(from, l.now, most)]
	n, errno := receive(src.fd, b)
	c.pace.spend(from, n)
	switch {
	case errno == unix.EAGAIN:
		src.readable = false
	case errno == unix.EINTR:
		return 0
	case errno != 0:
		l.broken(c, from, from, errno)
		return 0
	case n == 0:
		s.ended, src.readable = true, false
	case n < len(b):
		src.readable = src.hung
	}
	if n > 0 {
		c.last = l.now // it may be long until there is a whole record
	}
	s.in = l.sealedIn[:max(n, 0)]
	plain := 0
	for {
		m, err := s.tls.Read(l.buf[plain:])
		plain += m
		if err == nil {
			continue
		}
		if s.asks = len(l.sealed) > 0; s.asks {
			n = turn // others have theirs: answers take a hundred times the work of payload
		}
		if l.answer(c, from); c.phase != relaying {
			return 0
		}
		s.in = nil // crypto/tls has all of it, unless it has met an end
		if plain > 0 {
			l.pass(c, from, l.buf[:plain])
		}
		switch {
		case c.phase != relaying || errors.Is(err, errAgain{}):
		case errors.Is(err, io.EOF):
			h.ended = true
		default:
			l.broken(c, from, from, err)
		}
		return n
	}
}

// answer sends what crypto/tls has to say by itself to a side: that a key is changed,
// or an alert. Who has been told that nothing more comes is told nothing more.
func (l *loop) answer(c *conn, to side) {
	switch {
	case len(l.sealed) == 0:
	case c.secret[to].bidden || c.half[to.other()].over:
		l.sealed = l.sealed[:0]
	default:
		l.sendSealed(c, to)
	}
}

// seal puts b, from one side, into TLS with the other and writes that.
func (l *loop) seal(c *conn, from side, b []byte) {
	to := from.other()
	if _, err := c.secret[to].tls.Write(b); err != nil {
		l.broken(c, from, to, err)
		return
	}
	c.half[from].moved += int64(len(b))
	l.noted(c)
	l.sendSealed(c, to)
}

// bid says to a side, in TLS, that nothing more will come.
func (l *loop) bid(c *conn, to side) {
	c.secret[to].bidden = true
	_ = c.secret[to].tls.CloseWrite()
	l.sendSealed(c, to)
}

// farewell does the same for a connection that is about to be closed, if it can be
// done at once.
func (l *loop) farewell(c *conn, to side) {
	if c.secret[to].bidden || c.half[to.other()].held != nil {
		return
	}
	_ = c.secret[to].tls.CloseWrite()
	_, _ = send(c.sock[to].fd, l.sealed)
	l.sealed = l.sealed[:0]
}

// sendSealed writes what TLS has put into records for a side, after what is held for it.
func (l *loop) sendSealed(c *conn, to side) {
	from := to.other()
	h, b := &c.half[from], l.sealed
	l.sealed = l.sealed[:0]
	if h.held == nil {
		b = l.put(c, from, b, false)
	}
	switch {
	case len(b) == 0:
	case h.held == nil:
		l.hold(h, b)
	case len(h.held.rest)+len(b) > sealedMost:
		l.finish(c, resetBy(to), errUnread)
	default: // rare: an answer of crypto/tls while data is held
		before := h.held
		l.hold(h, slices.Concat(before.rest, b))
		l.blocks.give(before)
	}
}
