// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/flow"
)

// turn is the number of bytes that a direction may move before others have theirs.
const turn = 256 << 10

// happened is what the kernel tells of one side of c.
func (l *loop) happened(c *conn, s side, events uint32) {
	switch c.phase {
	case reading, greeting, shaking:
		l.greeted(c, events)
	case dialling, announcing, securing:
		if s == backend {
			l.answered(c, events)
		} else { // it is watched already where it had to say something
			c.sock[s].seen(events)
		}
	case relaying:
		c.sock[s].seen(events)
		if c.bulky() {
			l.later(c) // those with little to move come first
			return
		}
		l.messageAt = l.now
		l.pump(c, s)
		if c.half[s.other()].stuck() {
			l.pump(c, s.other())
		}
	}
}

// bulky says whether c moves much at a time, so that those with little to move come first.
func (c *conn) bulky() bool { return c.half[client].run >= large || c.half[backend].run >= large }

// seen notes what events say of a socket.
func (s *sock) seen(events uint32) {
	const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if events&(ended|unix.EPOLLPRI) != 0 {
		s.hung = true // and so is urgent data, in front of which a read stops
	}
	if events&(unix.EPOLLIN|unix.EPOLLPRI|ended) != 0 {
		s.readable = true
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		s.writable = true
	}
}

// pump moves what can be moved from one side to the other, for one turn.
func (l *loop) pump(c *conn, from side) {
	h, src := &c.half[from], &c.sock[from]
	for left := turn; c.phase == relaying && !h.over; {
		switch {
		case h.stuck():
			if !c.sock[from.other()].writable || !l.unstick(c, from) {
				return
			}
		case h.ended:
			l.passEnd(c, from)
		case !src.readable:
			return
		case left <= 0:
			l.later(c)
			return
		case c.pace != nil && l.resting(c, from):
			return
		case c.secret[from] != nil:
			left -= l.open(c, from)
		case c.secret[from.other()] == nil && h.run >= bulk:
			l.splice(c, from)
			return
		default:
			left -= l.copy(c, from)
		}
	}
}

// copy moves what one read takes, and returns its size.
func (l *loop) copy(c *conn, from side) int {
	h, src := &c.half[from], &c.sock[from]
	b := l.buf[:c.pace.most(from, l.now, h.appetite())]
	n, errno := receive(src.fd, b)
	c.pace.spend(from, n)
	switch {
	case errno == unix.EAGAIN:
		src.readable = false
		return 0
	case errno == unix.EINTR:
		return 0
	case errno != 0:
		l.broken(c, from, from, errno)
		return 0
	case n == 0:
		h.ended = true
		return 0
	case n < len(b):
		// Nothing is left, unless an end is: that may have come with the same event.
		src.readable = src.hung
	}
	h.took(n, len(b))
	if !l.pass(c, from, b[:n]) {
		h.run /= 2
	}
	return n
}

// took notes that a direction has moved n bytes at once, where most could have been.
func (h *half) took(n, most int) {
	switch {
	case n < morsel:
		h.run /= 2
	case n == most, n >= piece:
		h.run = min(h.run+uint32(n), longest)
	}
}

// pass passes on payload that one side has sent. It is false where some of it is held
// in the clear: its receiver does not take it now.
func (l *loop) pass(c *conn, from side, b []byte) bool {
	if c.secret[from.other()] != nil {
		l.seal(c, from, b)
		return true
	}
	rest := l.put(c, from, b, true)
	if len(rest) > 0 {
		l.hold(&c.half[from], rest)
	}
	return len(rest) == 0
}

// appetite is the size of the next read. What moves in bulk is read in larger
// pieces, so that little has to be held for the others if it gets stuck.
func (h *half) appetite() int {
	switch {
	case h.run < 32<<10:
		return 32 << 10
	case h.run < large:
		return 64 << 10
	default:
		return scratch
	}
}

// put writes, and returns what the receiver does not take now; counts says whether
// that is payload as it is. After an error nothing is left.
func (l *loop) put(c *conn, from side, b []byte, counts bool) (rest []byte) {
	to := from.other()
	for len(b) > 0 {
		n, errno := send(c.sock[to].fd, b)
		switch errno {
		case 0:
			if b = b[n:]; counts {
				c.half[from].moved += int64(n)
			}
			l.noted(c)
		case unix.EINTR:
		case unix.EAGAIN:
			c.sock[to].writable = false
			return b
		default:
			l.broken(c, from, to, errno)
			return nil
		}
	}
	return nil
}

// unstick writes what is held. It is true when nothing is left of it.
func (l *loop) unstick(c *conn, from side) bool {
	h := &c.half[from]
	if h.pipe != nil {
		return l.empty(c, from)
	}
	sealed := c.secret[from.other()] != nil
	rest := l.put(c, from, h.held.rest, !sealed)
	if h.held == nil { // given back, after an error
		return false
	}
	if h.held.rest = rest; len(rest) > 0 {
		return false
	}
	l.blocks.give(h.held)
	h.held = nil
	return true
}

// passEnd passes the end of input on one side to the other.
func (l *loop) passEnd(c *conn, from side) {
	if secret := c.secret[from.other()]; secret != nil && c.outcome == flow.Open && !secret.bidden {
		l.bid(c, from.other()) // and come back when that is written
		return
	}
	c.half[from].over = true
	if from == backend {
		l.dropped(c)
	}
	switch {
	case c.half[from.other()].over:
		l.finish(c, flow.Completed, nil)
	case c.outcome == flow.Open:
		shutdownWrite(c.sock[from.other()].fd)
	}
}

// dropped notes that the endpoint has ended a connection, where it did so first and
// has sent nothing.
func (l *loop) dropped(c *conn) {
	if c.half[backend].moved == 0 && !c.half[backend].stuck() && !c.half[client].ended && c.outcome == flow.Open {
		c.lease.Dropped(l.now-c.connected, time.Now())
	}
}

// broken deals with an error that moving bytes from one side has met, on the side
// of culprit. When that is the sender, nobody is left to read for. When it is the
// receiver, what he had sent before, and then his end, is still to be read.
func (l *loop) broken(c *conn, from, culprit side, err error) {
	outcome := resetBy(culprit)
	if culprit == backend {
		l.dropped(c)
	}
	if culprit == from || c.half[from.other()].over {
		l.finish(c, outcome, err)
		return
	}
	if c.outcome == flow.Open {
		c.outcome, c.err = outcome, err
	}
	l.drop(&c.half[from])
	c.half[from].ended, c.half[from].over = true, true
	c.sock[culprit].hung, c.sock[culprit].readable = true, true
	l.later(c)
}

// resetBy is the outcome of a connection that a side has ended before its time.
func resetBy(culprit side) flow.Outcome {
	if culprit == backend {
		return flow.BackendReset
	}
	return flow.ClientReset
}

// drop gives back what a direction holds.
func (l *loop) drop(h *half) {
	if h.held != nil {
		l.blocks.give(h.held)
		h.held = nil
	}
	if h.pipe != nil {
		l.pipes.discard(h.pipe)
		h.pipe = nil
	}
}
