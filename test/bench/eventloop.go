//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

const (
	ioChunk    = 256 << 10 // bytes moved by one system call, at most
	ioPerTurn  = 8         // such calls for one connection before the next one's turn
	epollEdge  = 1 << 31   // EPOLLET, which package syscall has as a negative number
	epollRDHUP = 0x2000
	epollEnds  = epollRDHUP | syscall.EPOLLHUP | syscall.EPOLLERR
)

// served is one accepted connection of the backend.
type served struct {
	fd      int
	mode    byte
	size    int // of a message
	got     int // bytes of the header, then of the current message
	owed    int // bytes still to send
	head    [headerLen]byte
	queued  bool // on the loop's ready list
	canRead bool
	hup     bool // the peer has closed: read on until the end shows
}

// endless tells whether the backend sends without being asked.
func (c *served) endless() bool { return c.mode == modeSource || c.mode == modeBoth }

// eventLoop serves the connections that it has adopted.
type eventLoop struct {
	epfd  int
	id    byte
	ready []*served
	talks int // connections with messages
	in    []byte
	out   []byte

	mu    sync.Mutex
	conns map[int]*served // descriptor -> connection; mu guards it
}

func newEventLoop(id byte) (*eventLoop, error) {
	epfd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &eventLoop{
		epfd: epfd, id: id, conns: map[int]*served{},
		in: make([]byte, ioChunk), out: make([]byte, ioChunk),
	}, nil
}

// adopt may be called from any goroutine.
func (l *eventLoop) adopt(fd int) {
	c := &served{fd: fd}
	l.mu.Lock()
	l.conns[fd] = c
	l.mu.Unlock()
	ev := syscall.EpollEvent{Fd: int32(fd), Events: syscall.EPOLLIN | syscall.EPOLLOUT | epollRDHUP | epollEdge}
	if err := syscall.EpollCtl(l.epfd, syscall.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.close(c)
	}
}

func (l *eventLoop) close(c *served) {
	l.mu.Lock()
	delete(l.conns, c.fd)
	l.mu.Unlock()
	if c.mode == modeMessages {
		l.talks--
	}
	syscall.Close(c.fd)
	c.fd = -1
}

func (l *eventLoop) run() error {
	runtime.LockOSThread()
	events := make([]syscall.EpollEvent, 256)
	for {
		wait := -1
		if len(l.ready) > 0 {
			wait = 0
		}
		n, errno := epollWait(l.epfd, events, wait)
		if errno != 0 && errno != syscall.EINTR {
			return fmt.Errorf("epoll: %w", errno)
		}
		for _, ev := range events[:max(n, 0)] {
			l.note(ev)
		}
		turn := l.ready
		l.ready = nil
		for _, c := range turn {
			c.queued = false
			switch more, ok := l.serve(c); {
			case !ok:
				l.close(c)
			case more:
				l.enqueue(c)
			}
		}
	}
}

// note takes in an event of a connection.
func (l *eventLoop) note(ev syscall.EpollEvent) {
	l.mu.Lock()
	c := l.conns[int(ev.Fd)]
	l.mu.Unlock()
	if c == nil {
		return
	}
	if ev.Events&(syscall.EPOLLIN|epollEnds) != 0 {
		c.canRead = true
	}
	if ev.Events&epollEnds != 0 {
		c.hup = true
	}
	if !c.queued {
		l.enqueue(c)
	}
}

func (l *eventLoop) enqueue(c *served) {
	c.queued = true
	l.ready = append(l.ready, c)
}

// serve does what c's mode asks until the socket has or takes no more. It tells
// whether it stopped early, for the others' turn, and whether c goes on.
func (l *eventLoop) serve(c *served) (more, ok bool) {
	turns := ioPerTurn
	if c.mode != modeMessages && l.talks > 0 {
		turns = 1 // who streams lets the others speak
	}
	for range turns {
		received, ok := l.receive(c)
		if !ok {
			return false, false
		}
		sent, ok := l.send(c)
		if !ok {
			return false, false
		}
		if !received && !sent || !c.canRead && c.owed == 0 && !c.endless() {
			return false, true
		}
	}
	return true, true
}

// receive reads once, if there may be something.
func (l *eventLoop) receive(c *served) (progress, ok bool) {
	if !c.canRead {
		return false, true
	}
	switch n, errno := read(c.fd, l.in); {
	case errno == syscall.EAGAIN:
		c.canRead = false
		return false, true
	case errno != 0, n == 0:
		return false, false
	default:
		if n < len(l.in) && !c.hup {
			c.canRead = false // drained: an edge will tell of more
		}
		return true, l.received(c, l.in[:n])
	}
}

// send writes what is owed; to an endless connection, once.
func (l *eventLoop) send(c *served) (progress, ok bool) {
	if c.endless() {
		c.owed = max(c.owed, len(l.out))
	}
	for c.owed > 0 {
		n, errno := write(c.fd, l.out[:min(c.owed, len(l.out))])
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 {
			return progress, false
		}
		progress = true
		c.owed -= n
		if c.endless() {
			break
		}
	}
	return progress, true
}

// received takes in the bytes b of c: the header first, then messages.
func (l *eventLoop) received(c *served, b []byte) (ok bool) {
	if c.mode == 0 {
		n := copy(c.head[c.got:], b)
		c.got += n
		b = b[n:]
		if c.got < headerLen {
			return true
		}
		c.mode, c.size, c.got = c.head[0], int(binary.BigEndian.Uint32(c.head[4:])), 0
		if c.mode == modeMessages {
			l.talks++
		}
		if _, errno := write(c.fd, []byte{l.id}); errno != 0 {
			return false
		}
	}
	if c.mode == modeMessages && c.size > 0 {
		c.got += len(b)
		c.owed += c.got / c.size * c.size
		c.got %= c.size
	}
	return true
}

// epollWait first looks without blocking: a raw system call, which costs the Go
// scheduler nothing. Only when nothing is ready it blocks.
func epollWait(epfd int, events []syscall.EpollEvent, msec int) (int, syscall.Errno) {
	n := uintptr(len(events))
	r, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), n, 0, 0, 0)
	if errno == 0 && r == 0 && msec != 0 {
		r, _, errno = syscall.Syscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), n, uintptr(msec), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

func read(fd int, b []byte) (int, syscall.Errno) {
	r, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

func write(fd int, b []byte) (int, syscall.Errno) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}
