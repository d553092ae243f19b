// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/upstream"
)

const (
	// A port that is being closed accepts until nobody has come for lastCall, so
	// that no client which the kernel has already let in is turned away, but no
	// longer than lastCallMax in all.
	lastCall    = 10 * time.Millisecond
	lastCallMax = time.Second
	// Errors of accept are mostly a lack of descriptors, which passes.
	backoffLeast = 5 * time.Millisecond
	backoffMost  = time.Second
)

// port is a listener of the plan in force, or one that is being closed.
type port struct {
	set     *Set
	name    string
	address netip.Addr // the zero Addr is all interfaces
	number  uint16
	limit   uint32                     // of connections at a time; 0: none
	route   atomic.Pointer[plan.Route] // nil: connections are refused

	tcp *net.TCPListener // guarded by set.mu until accept runs; nil when unbound
	err error            // guarded by set.mu: why it is unbound

	serving atomic.Int64  // connections
	left    chan struct{} // has a value when one may have ended
	closing chan struct{} // closed by stop
}

func newPort(s *Set, l *plan.Listener) *port {
	p := &port{
		set:     s,
		name:    l.Name,
		address: s.addressOf(l),
		number:  l.Port,
		limit:   l.MaxConnections,
		left:    make(chan struct{}, 1),
		closing: make(chan struct{}),
	}
	p.route.Store(l.Route)
	return p
}

// serves tells whether the port is what a listener asks for, whatever its route.
func (p *port) serves(l *plan.Listener) bool {
	return p.address == p.set.addressOf(l) && p.number == l.Port && p.limit == l.MaxConnections
}

func (p *port) bound() bool { return p.tcp != nil }

// open binds the port. Accepted connections have TCP_NODELAY set, and keep-alive
// as those to endpoints have.
//
// SO_REUSEPORT lets several proxies of a fleet on one host share the port; the kernel
// allows it only among processes of one user that all ask for it. Multipath TCP
// stays off: its sockets cannot be spliced.
func (p *port) open() error {
	config := net.ListenConfig{Control: reusePort, KeepAliveConfig: upstream.KeepAlive()}
	config.SetMultipathTCP(false)
	network, host := "tcp", ""
	if p.address.IsValid() {
		host = p.address.String()
	}
	if p.address.Is4() {
		network = "tcp4" // to "tcp", 0.0.0.0 is IPv6 as well
	}
	l, err := config.Listen(p.set.ctx, network, net.JoinHostPort(host, strconv.Itoa(int(p.number))))
	p.err = err
	if err == nil {
		p.tcp = l.(*net.TCPListener)
	}
	return err
}

func reusePort(_, _ string, conn syscall.RawConn) error {
	var err error
	control := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(control, err)
}

// problem says why the port is unbound; empty if it is not.
func (p *port) problem() string {
	if p.err == nil {
		return ""
	}
	return fmt.Sprintf("bind port %d: %v", p.number, p.err)
}

// stop ends accepting, after the last call. set.mu is held.
func (p *port) stop() {
	close(p.closing)
	if p.tcp != nil {
		turnAway(p.tcp)
		_ = p.tcp.SetDeadline(time.Now().Add(lastCall))
	}
}

func (p *port) stopping() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// accept serves connections until the port is stopped. No other error ends it.
func (p *port) accept() {
	defer func() { _ = p.tcp.Close() }()
	var end time.Time // of the last call
	backoff := backoffLeast
	for {
		p.awaitRoom()
		conn, err := p.tcp.AcceptTCP()
		if p.stopping() {
			now := time.Now()
			if end.IsZero() {
				end = now.Add(lastCallMax)
			}
			if err != nil && (now.After(end) || !p.waiting()) {
				return
			}
			_ = p.tcp.SetDeadline(now.Add(min(lastCall, end.Sub(now))))
		}
		switch {
		case err == nil:
			backoff = backoffLeast
			p.set.start(conn, p)
		case errors.Is(err, syscall.ECONNABORTED): // the client has thought better of it
		case errors.Is(err, os.ErrDeadlineExceeded): // once more, for those who wait
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.set.opts.Log.Warn("cannot accept, trying again", "listener", p.name, "after", backoff, "err", err)
			p.pause(backoff)
			backoff = min(2*backoff, backoffMost)
		}
	}
}

// awaitRoom returns when the port may serve one connection more. One that is being
// closed lets in whoever waits already.
func (p *port) awaitRoom() {
	for p.limit > 0 && p.serving.Load() >= int64(p.limit) {
		select {
		case <-p.left:
		case <-p.closing:
			return
		}
	}
}

// enter counts a connection. leave must follow.
func (p *port) enter() { p.serving.Add(1) }

func (p *port) leave() {
	if p.serving.Add(-1); p.limit == 0 {
		return
	}
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// waiting tells whether a client waits to be accepted. A deadline that has passed
// does not say so: accept does not look any more then.
func (p *port) waiting() bool {
	raw, err := p.tcp.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	_ = raw.Control(func(fd uintptr) {
		n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	})
	return n > 0
}

// pause waits, and not for long once the port is being closed.
func (p *port) pause(d time.Duration) {
	if p.stopping() {
		<-time.After(lastCall)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.closing:
	}
}
