// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/socket"
)

// Dialer carries out the steps of searches one after the other, for drivers that
// can wait. The zero value is ready to use.
type Dialer struct {
	// Dial opens a connection. When nil, it is net.Dialer's with TCP_NODELAY and KeepAlive.
	Dial func(ctx context.Context, addr netip.AddrPort) (*net.TCPConn, error)
}

// Connect takes s from its first step to its end. With the outcome Open, s has a
// lease and the connection is the caller's. Otherwise the outcome says why there
// is none: what the search says, or DrainDeadline when ctx ended. local is where the
// client connected to; it is asked for where endpoints are told.
func (d *Dialer) Connect(ctx context.Context, s *Search, step Step, local func() netip.AddrPort) (Link, flow.Outcome) {
	for {
		switch {
		case step.Outcome != flow.Open:
			return Link{}, step.Outcome
		case step.Ready:
			if conn, ok := ready(step.FD); ok {
				s.Connected(time.Now())
				return Link{TCP: conn}, flow.Open
			}
			step = s.Stale(time.Now())
		case step.Dial.IsValid():
			link, err := d.attempt(ctx, s, step, local)
			if err == nil {
				s.Connected(time.Now())
				return link, flow.Open
			}
			if ctx.Err() != nil {
				s.Abandon()
				return Link{}, flow.DrainDeadline
			}
			step = s.Failed(err, time.Now())
		default:
			if wait(ctx, step.By); ctx.Err() != nil {
				s.Abandon()
				return Link{}, flow.DrainDeadline
			}
			step = s.Resume(time.Now())
		}
	}
}

// ready makes use of a connection that has waited, or closes it.
func ready(fd int) (conn *net.TCPConn, ok bool) {
	good := socket.Usable(fd)
	conn, err := socket.Conn(fd)
	if err == nil && !good {
		_ = conn.Close()
	}
	return conn, err == nil && good
}

// attempt carries out one step.
func (d *Dialer) attempt(ctx context.Context, s *Search, step Step, local func() netip.AddrPort) (Link, error) {
	ctx, cancel := context.WithDeadline(ctx, step.By)
	defer cancel()
	reach := s.Reach()
	var conn *net.TCPConn
	var err error
	if d.Dial != nil {
		conn, err = d.Dial(ctx, step.Dial)
	} else {
		conn, err = dial(ctx, step.Dial, s.Route.CongestionControl)
	}
	if err != nil {
		return Link{}, err
	}
	if reach.Plain() {
		return Link{TCP: conn}, nil
	}
	return Greet(ctx, conn, reach, step.Dial, s.Header(local))
}

func dial(ctx context.Context, to netip.AddrPort, congestion string) (*net.TCPConn, error) {
	dialer := net.Dialer{KeepAliveConfig: socket.KeepAlive(), Control: control(congestion)}
	return dialer.DialTCP(ctx, "tcp", netip.AddrPort{}, to)
}

// control gives a socket its congestion control before it connects. One that cannot
// be had is left out: the listeners' Set has told of it.
func control(congestion string) func(network, address string, conn syscall.RawConn) error {
	if congestion == "" {
		return nil
	}
	return func(_, _ string, conn syscall.RawConn) error {
		return conn.Control(func(fd uintptr) { _ = socket.SetCongestionControl(int(fd), congestion) })
	}
}

func wait(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
