// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/socket"
	"github.com/wye-dev/wye/proxy/upstream"
)

// spareSearches is how many searches a loop keeps for reuse.
const spareSearches = 64

// step carries out what a search for an endpoint says.
func (l *loop) step(c *conn, next upstream.Step) {
	if l.ending && next.Outcome == flow.Open {
		if next.Ready {
			closeSocket(int32(next.FD))
		}
		c.search.Abandon()
		next.Outcome = flow.DrainDeadline
	}
	for {
		switch {
		case next.Outcome != flow.Open:
			l.turnAway(c, next.Outcome)
			return
		case !next.Dial.IsValid():
			l.alarm(c, next.By.Sub(l.base))
			return
		case next.Ready && !socket.Usable(next.FD):
			closeSocket(int32(next.FD))
			next = c.search.Stale(l.clock())
			continue
		}
		fd, errno := int32(next.FD), unix.Errno(0)
		if !next.Ready {
			fd, errno = connect(next.Dial, c.route.CongestionControl)
		}
		if errno == 0 {
			c.sock[backend] = sock{fd: fd}
			if errno = l.watch(c, backend); errno == 0 {
				l.alarm(c, next.By.Sub(l.base))
				return
			}
			closeSocket(fd)
			c.sock[backend].fd = none
		}
		next = c.search.Failed(errno, l.clock())
	}
}

// watch has the kernel tell of everything that happens on a socket, once.
func (l *loop) watch(c *conn, s side) unix.Errno {
	event := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     c.index,
		Pad:    int32(s),
	}
	return epollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.sock[s].fd, &event)
}

// answered is what the endpoint that is being dialled has done.
func (l *loop) answered(c *conn, events uint32) {
	c.sock[backend].seen(events) // its end is told once, and may come behind a handshake
	if c.phase == securing {
		c.secret[backend].wake()
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.refused(c)
		return
	}
	if events&unix.EPOLLOUT == 0 {
		return
	}
	if c.search.Reach().Plain() {
		l.reached(c)
	} else {
		l.approach(c)
	}
}

// reached begins to relay, with the endpoint that has come to all terms.
func (l *loop) reached(c *conn) {
	c.search.Connected(l.clock())
	c.lease = c.search.Lease
	l.endSearch(c)
	c.phase = relaying
	c.connected, c.last = l.now, l.now
	c.pace = paceOf(c.route)
	l.checkAgain(c, c.last)
	// What the client has sent meanwhile is moved first: then the event that watching
	// it begins with has nothing to tell.
	l.pump(c, client)
	if c.phase != relaying {
		return
	}
	if !c.watched {
		if errno := l.watch(c, client); errno != 0 {
			l.broken(c, client, client, errno)
			return
		}
	}
	l.pump(c, backend)
}

// refused goes on with another endpoint after one that could not be reached.
func (l *loop) refused(c *conn) {
	fd := c.sock[backend].fd
	errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || errno == 0 {
		errno = int(unix.ECONNRESET)
	}
	l.failed(c, unix.Errno(errno))
}

// failed goes on after an attempt that came to nothing.
func (l *loop) failed(c *conn, err error) {
	l.disarm(c)
	l.drop(&c.half[client]) // of its PROXY header
	closeSocket(c.sock[backend].fd)
	c.phase, c.secret[backend], c.sock[backend] = dialling, nil, sock{fd: none}
	l.step(c, c.search.Failed(err, l.clock()))
}

// waited is called when the time is over that a step of the search said.
func (l *loop) waited(c *conn) {
	if c.sock[backend].fd != none {
		l.failed(c, unix.ETIMEDOUT)
		return
	}
	l.step(c, c.search.Resume(l.clock()))
}

// turnAway ends a connection that has nowhere to go. It resets it, as connecting to
// nothing would have: a client cannot take that for the end of an empty answer,
// and during an outage no port of the proxy is left waiting in TIME_WAIT.
func (l *loop) turnAway(c *conn, o flow.Outcome) {
	c.outcome, c.err = o, c.search.Err
	l.endSearch(c)
	l.disarm(c)
	resetSocket(c.sock[client].fd)
	l.account(c)
	l.slab.release(c)
}

// giveUp ends a search for the end of the loop.
func (l *loop) giveUp(c *conn) {
	c.search.Abandon()
	l.drop(&c.half[client]) // a PROXY header
	if c.sock[backend].fd != none {
		closeSocket(c.sock[backend].fd)
	}
	l.turnAway(c, flow.DrainDeadline)
}

func (l *loop) takeSearch() *upstream.Search {
	if n := len(l.searches); n > 0 {
		s := l.searches[n-1]
		l.searches = l.searches[:n-1]
		return s
	}
	return &upstream.Search{}
}

// endSearch takes the search from a connection, which keeps where it counts.
func (l *loop) endSearch(c *conn) {
	c.arm, c.dials = c.search.Arm, uint16(min(c.search.Dials, 1<<16-1))
	c.door = c.search.Door
	if len(l.searches) < spareSearches {
		l.searches = append(l.searches, c.search)
	}
	c.search = nil
}

// clock is the time now, as Go has it: that of the batch is too old for a deadline.
func (l *loop) clock() time.Time { return time.Now() }
