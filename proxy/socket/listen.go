// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package socket is what both data planes ask of the kernel's TCP sockets beyond
// opening, reading and writing them: how a port is opened and closed, how peers
// that have vanished are found out, and what the kernel knows of a connection.
// It keeps nothing and decides nothing.
package socket

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// KeepAlive is how peers that have vanished are found out, on both sides of the
// proxy: within two minutes.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}
}

// Listen opens a port on address; the zero Addr is all interfaces, IPv6 and IPv4.
// Accepted connections have TCP_NODELAY and KeepAlive set.
//
// SO_REUSEPORT lets several proxies of a fleet on one host share the port; the kernel
// allows it only among processes of one user that all ask for it. Multipath TCP
// stays off: its sockets cannot be spliced.
func Listen(ctx context.Context, address netip.Addr, port uint16) (*net.TCPListener, error) {
	config := net.ListenConfig{Control: options, KeepAlive: -1} // what options sets is left alone
	config.SetMultipathTCP(false)
	network, host := "tcp", ""
	if address.IsValid() {
		host = address.String()
	}
	if address.Is4() {
		network = "tcp4" // to "tcp", 0.0.0.0 is IPv6 as well
	}
	l, err := config.Listen(ctx, network, net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// options of a listening socket. Accepted ones inherit them.
func options(_, _ string, conn syscall.RawConn) error {
	var err error
	control := conn.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			SetKeepAlive(int(fd)),
		)
	})
	return errors.Join(control, err)
}

// SetKeepAlive has a socket find out, as KeepAlive says, when its peer has vanished.
func SetKeepAlive(fd int) error {
	keep := KeepAlive()
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepAliveIdle, int(keep.Idle/time.Second)),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(keep.Interval/time.Second)),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keep.Count),
	)
}

// Duplicate makes another descriptor of a listening socket, for its options. It
// keeps the port open, is to be closed, and unlike that of File it is not watched by
// Go's poller, which each client would wake.
func Duplicate(l *net.TCPListener) (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return 0, err
	}
	control := raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, cmp.Or(control, err)
}

// A port that is being closed accepts until nobody has come for LastCall, so that
// no client which the kernel has already let in is turned away, but no longer than
// LastCallMax in all.
const (
	LastCall    = 10 * time.Millisecond
	LastCallMax = time.Second
)
