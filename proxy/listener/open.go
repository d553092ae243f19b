// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/socket"
)

// open binds the port and has it served, or holds it until the Set begins. s.mu is held.
func (s *Set) open(b *bound) error {
	l, err := s.socket(b)
	if err != nil {
		return err
	}
	if b.fd, err = socket.Duplicate(l); err != nil {
		_ = l.Close()
		return err
	}
	_ = socket.Share(b.fd, s.opts.Shared)
	b.given = givenCongestion(b.fd)
	b.controlCongestion()
	if s.holding {
		b.held, b.stop = l, func(bool) { _ = l.Close() }
		return nil
	}
	if b.stop, err = s.driver.Serve(l, &b.Port); err != nil {
		_ = unix.Close(b.fd)
	}
	return err
}

// socket gets what the port listens on: the socket of a port that goes and was in the
// same place, what the process before this one had there, or a new one. Whoever waits
// to be accepted on one of the former is not lost.
func (s *Set) socket(b *bound) (*net.TCPListener, error) {
	for _, old := range s.going {
		if old.stop != nil && !old.kept && old.place() == b.place() {
			l, err := socket.Listener(old.fd)
			old.kept = err == nil
			return l, err
		}
	}
	if s.opts.Inherit != nil {
		if l := s.opts.Inherit(b.place()); l != nil {
			return l, nil
		}
	}
	l, err := socket.Listen(s.ctx, b.address, b.number, s.opts.Shared)
	if errors.Is(err, unix.EADDRINUSE) && !s.opts.Shared {
		return s.beside(b, err)
	}
	return l, err
}

// closingMost is how long a port that is being closed may be there.
const closingMost = 2 * socket.LastCallMax

// beside opens a port whose number another one of ours has, on another address, or
// until it is closed. For that moment they are shared.
func (s *Set) beside(b *bound, taken error) (*net.TCPListener, error) {
	ours := time.Since(s.closed[b.number]) < closingMost // that one has been shared
	for _, ports := range []map[string]*bound{s.ports, s.going} {
		for _, other := range ports {
			if other.stop == nil || other.number != b.number {
				continue
			}
			ours = true
			_ = socket.Share(other.fd, true)
			defer func() { _ = socket.Share(other.fd, false) }()
		}
	}
	if !ours {
		return nil, taken
	}
	return socket.Listen(s.ctx, b.address, b.number, true)
}

// shut closes a port, and shares it while that goes on, so that it can be opened again
// meanwhile. s.mu is held.
func (s *Set) shut(b *bound) {
	if b.stop != nil && !b.kept && !s.opts.Shared {
		_ = socket.Share(b.fd, true)
		s.closed[b.number] = time.Now()
	}
	b.close()
}

// Begin has the ports served that were held.
func (s *Set) Begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holding = false
	for _, b := range s.ports {
		if b.held == nil {
			continue
		}
		l := b.held
		b.held = nil
		if b.stop, b.err = s.driver.Serve(l, &b.Port); b.err != nil {
			_ = unix.Close(b.fd)
		}
	}
	if !s.draining {
		s.scheduleRetry()
	}
}

// Sockets are descriptors of the sockets that are listened on, by their places. They
// are the caller's, who closes them.
func (s *Set) Sockets() (map[string]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fds := map[string]int{}
	for _, b := range s.ports {
		if b.stop == nil {
			continue
		}
		fd, err := unix.FcntlInt(uintptr(b.fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			for _, fd := range fds {
				_ = unix.Close(fd)
			}
			return nil, err
		}
		fds[b.place()] = fd
	}
	return fds, nil
}

// HandOver stops all ports for good, as Drain does at first. The sockets of those
// that another process goes on with are let go of as they are.
func (s *Set) HandOver(kept func(place string) bool) {
	s.close(kept)
}

// givenCongestion is what a socket has of congestion control, if that is not the
// kernel's default.
func givenCongestion(fd int) string {
	name, err := socket.CongestionControl(fd)
	usual, problem := socket.DefaultCongestionControl()
	if err != nil || problem != nil || name == usual {
		return ""
	}
	return name
}
