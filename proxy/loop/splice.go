// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// bulk is the run of a direction from which on the kernel moves it: bytes that came in
	// reads that filled the buffer, or in pieces. A morsel halves a run.
	bulk = 256 << 10
	// large is the run that makes it bulk among messages, which come before it, and from
	// which on a read takes all of the loop's buffer.
	large = 96 << 10
	// longest is as far as a run is counted, so that a few morsels can end it.
	longest = 4 * bulk
	// piece is about where splicing begins to cost less than copying.
	piece = 64 << 10
	// morsel is what splicing is not worth its calls for.
	morsel = 16 << 10
	// pipeSize is asked for, of the kernel, which may grant less. It is in pages of 4 KiB.
	pipeSize = 1 << 20
	// haul is the most that a splice asks for: what is in place of a page may be larger.
	haul = 8 << 20
	// slice is what a turn moves at most while others have messages, which wait for it.
	slice = 64 << 10
	// amongMessages is for how long after a message there may be others.
	amongMessages = 10 * time.Millisecond
	// pipesMost limits the pipes of a loop that hold bytes of receivers that are
	// slow. The kernel limits the memory in pipes of a user. What finds no pipe is copied.
	pipesMost = 32
)

// pipe is where bytes are on their way from one socket to another inside the kernel.
type pipe struct {
	in, out int32
	n       int // bytes in it
}

// pipes are those of a loop.
type pipes struct {
	idle  []*pipe
	count int
}

// take returns an empty pipe, or nil.
func (p *pipes) take() *pipe {
	if n := len(p.idle); n > 0 {
		x := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return x
	}
	if p.count >= pipesMost {
		return nil
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		return nil
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	p.count++
	return &pipe{out: int32(fds[0]), in: int32(fds[1])}
}

// give takes an empty pipe back.
func (p *pipes) give(x *pipe) { p.idle = append(p.idle, x) }

// discard takes a pipe back that may not be empty.
func (p *pipes) discard(x *pipe) {
	closeSocket(x.in)
	closeSocket(x.out)
	p.count--
}

func (p *pipes) close() {
	for _, x := range p.idle {
		p.discard(x)
	}
	p.idle = nil
}

// splice moves what is there through a pipe: once in a turn, so that more gathers
// while others have theirs, and fewer calls move it.
func (l *loop) splice(c *conn, from side) {
	h, src := &c.half[from], &c.sock[from]
	p := l.pipes.take()
	l.untidy()
	if p == nil {
		h.run = 0
		l.later(c)
		return
	}
	most := haul
	if l.now-l.messageAt < amongMessages {
		most = slice
	}
	most = c.pace.most(from, l.now, most)
	n, errno := splice(src.fd, p.in, most)
	c.pace.spend(from, n)
	if errno == 0 && n > 0 {
		h.pipe, p.n = p, n
		h.took(n, most)
		if l.empty(c, from) {
			l.later(c)
		}
		return
	}
	l.pipes.give(p)
	switch errno {
	case 0:
		h.run = 0 // the end, or urgent data, which looks the same: reading tells
	case unix.EAGAIN:
		if src.readable = src.hung; src.readable {
			h.run = 0 // it says so in front of urgent data, too, whatever is behind
		}
	case unix.EINTR:
	case unix.EINVAL: // this socket cannot
		h.run = 0
	default:
		l.broken(c, from, from, errno)
		return
	}
	if src.readable {
		l.later(c)
	}
}

// empty writes what the pipe of a direction holds. It is true when nothing is left.
func (l *loop) empty(c *conn, from side) bool {
	h, to := &c.half[from], from.other()
	for h.pipe.n > 0 {
		n, errno := splice(h.pipe.out, c.sock[to].fd, h.pipe.n)
		switch errno {
		case 0:
			h.pipe.n -= n
			h.moved += int64(n)
			l.noted(c)
		case unix.EINTR:
		case unix.EAGAIN:
			c.sock[to].writable = false
			return false
		default:
			l.broken(c, from, to, errno)
			return false
		}
	}
	l.pipes.give(h.pipe)
	h.pipe = nil
	return true
}
