// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/socket"
)

// source is a port that all loops accept from.
type source struct {
	driver  *Driver
	port    *listener.Port
	fd      int
	counts  *metrics.Port
	waiting atomic.Bool // a loop has stopped accepting until the port has room
	resting resting
}

// newSource takes the socket of l out of the hands of Go's poller.
func newSource(d *Driver, l *net.TCPListener, p *listener.Port) (*source, error) {
	defer func() { _ = l.Close() }()
	raw, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &source{driver: d, port: p, counts: d.opts.Metrics.Port(p.Name)}
	control := raw.Control(func(fd uintptr) { s.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if control != nil {
		return nil, control
	}
	p.OnLimits(s.roomy)
	return s, err
}

// guest is a connection that was accepted here, from where accept has said.
func (s *source) guest(fd int32, from *unix.RawSockaddrAny) guest {
	g := guest{fd: fd, source: s}
	g.peer.ip, g.peer.port = addressOf(from)
	return g
}

// close ends accepting: nobody new is let in, and those are who have already
// reached the socket. One that somebody else goes on accepting from is just let go of.
func (s *source) close(kept bool) {
	if !kept {
		socket.TurnAway(s.fd)
	}
	var loops sync.WaitGroup
	for _, l := range s.driver.loops {
		loops.Add(1)
		l.post(letter{do: func() {
			l.forget(s)
			loops.Done()
		}})
	}
	loops.Wait()
	s.counts.Full.End()
	s.endRest()
	if !kept {
		s.lastCall()
	}
	_ = unix.Close(s.fd)
}

// lastCall accepts until nobody has come for a while, whatever the port's limit.
func (s *source) lastCall() {
	var from unix.RawSockaddrAny
	for end := time.Now().Add(socket.LastCallMax); time.Now().Before(end); {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, int(socket.LastCall.Milliseconds()))
		if n == 0 && err == nil {
			return
		}
		fd, errno := accept(s.fd, &from)
		switch errno {
		case 0:
			s.port.EnterLate()
			s.driver.lodge(s.driver.loops[0]).post(letter{guest: s.guest(fd, &from)})
		case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
		default: // a lack of descriptors
			<-time.After(socket.LastCall)
		}
	}
}

// listening is a source as one loop knows it.
type listening struct {
	*source
	index int32 // in the loop's sources
	on    bool  // the kernel tells of those who wait
}

// listen begins to accept from s. All loops do, and the kernel wakes one of them.
func (l *loop) listen(s *source) {
	in := &listening{source: s}
	for int(in.index) < len(l.sources) && l.sources[in.index] != nil {
		in.index++
	}
	if int(in.index) == len(l.sources) {
		l.sources = append(l.sources, nil)
	}
	l.sources[in.index] = in
	l.resume(in)
}

// known is s as the loop knows it; nil if it does not, any more.
func (l *loop) known(s *source) *listening {
	for _, in := range l.sources {
		if in != nil && in.source == s {
			return in
		}
	}
	return nil
}

func (l *loop) resume(in *listening) {
	if in == nil || in.on || l.sources[in.index] != in {
		return
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLEXCLUSIVE, Fd: in.index, Pad: ofSource}
	in.on = epollCtl(l.epoll, unix.EPOLL_CTL_ADD, int32(in.fd), &event) == 0
}

func (l *loop) pause(in *listening) {
	if in.on {
		in.on = false
		_ = epollCtl(l.epoll, unix.EPOLL_CTL_DEL, int32(in.fd), &unix.EpollEvent{})
	}
}

func (l *loop) forget(s *source) {
	if in := l.known(s); in != nil {
		l.pause(in)
		l.sources[in.index] = nil
	}
}
