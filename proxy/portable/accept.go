// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/socket"
)

const (
	// Errors of accept are mostly a lack of descriptors, which passes.
	backoffLeast = 5 * time.Millisecond
	backoffMost  = time.Second
)

// acceptor accepts on one port.
type acceptor struct {
	driver  *Driver
	tcp     *net.TCPListener
	port    *listener.Port
	counts  *metrics.Port
	left    chan struct{} // has a value when a connection may have ended that others wait for
	closing chan struct{} // closed by stop
	kept    bool          // read after closing: somebody else goes on accepting from the socket
}

// stop ends accepting, after the last call if nobody else is to accept from the socket.
func (a *acceptor) stop(kept bool) {
	a.kept = kept
	close(a.closing)
	if kept {
		_ = a.tcp.SetDeadline(time.Unix(1, 0))
		return
	}
	if raw, err := a.tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { socket.TurnAway(int(fd)) })
	}
	_ = a.tcp.SetDeadline(time.Now().Add(socket.LastCall))
}

func (a *acceptor) stopping() bool {
	select {
	case <-a.closing:
		return true
	default:
		return false
	}
}

// accept serves connections until the port is stopped. No other error ends it.
func (a *acceptor) accept() {
	defer func() { _ = a.tcp.Close() }()
	var end time.Time // of the last call
	backoff := backoffLeast
	for {
		a.pace()
		a.enter()
		conn, err := a.tcp.AcceptTCP()
		if a.stopping() {
			now := time.Now()
			if end.IsZero() {
				end = now.Add(socket.LastCallMax)
			}
			if err != nil && (a.kept || now.After(end) || !a.waiting()) {
				a.port.Leave()
				return
			}
			if !a.kept {
				_ = a.tcp.SetDeadline(now.Add(min(socket.LastCall, end.Sub(now))))
			}
		}
		if err == nil {
			backoff = backoffLeast
			a.start(conn)
			continue
		}
		a.port.Return()
		a.port.Leave()
		switch {
		case errors.Is(err, syscall.ECONNABORTED): // the client has thought better of it
		case errors.Is(err, os.ErrDeadlineExceeded): // once more, for those who wait
		case errors.Is(err, net.ErrClosed):
			return
		default:
			a.driver.opts.Log.Warn("cannot accept, trying again", "listener", a.port.Name, "after", backoff, "err", err)
			a.pause(backoff)
			backoff = min(2*backoff, backoffMost)
		}
	}
}

// enter returns when the port may serve one connection more, which it counts in.
// One that is being closed lets in whoever waits already.
func (a *acceptor) enter() {
	if a.port.Enter() {
		return
	}
	a.counts.Full.Begin()
	defer a.counts.Full.End()
	for !a.port.Enter() {
		select {
		case <-a.left:
		case <-a.closing:
			a.port.EnterLate()
			return
		}
	}
}

// pace returns when the port's rate allows one connection more, or the port is being closed.
func (a *acceptor) pace() {
	wait := a.port.Take()
	if wait <= 0 {
		return
	}
	a.counts.Rate.Begin()
	defer a.counts.Rate.End()
	for ; wait > 0 && !a.stopping(); wait = a.port.Take() {
		a.pause(wait)
	}
}

// start serves conn, which is counted in, on a goroutine of its own.
func (a *acceptor) start(conn *net.TCPConn) {
	a.driver.active.Add(1)
	a.driver.conns.Go(func() {
		defer a.driver.active.Add(-1)
		defer a.leave()
		a.driver.serve(conn, a.port)
	})
}

func (a *acceptor) leave() {
	if a.port.Leave() {
		a.roomy()
	}
}

// roomy has the port look again whether it has room.
func (a *acceptor) roomy() {
	select {
	case a.left <- struct{}{}:
	default:
	}
}

// waiting tells whether a client waits to be accepted. A deadline that has passed
// does not say so: accept does not look any more then.
func (a *acceptor) waiting() bool {
	raw, err := a.tcp.SyscallConn()
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
func (a *acceptor) pause(d time.Duration) {
	if a.stopping() {
		<-time.After(socket.LastCall)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.closing:
	}
}
