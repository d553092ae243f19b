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
	"fmt"
	"net"
	"net/netip"
	"os"
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
// A port that is shared (SO_REUSEPORT) may be opened several times, by processes of
// one user that all share it; the kernel spreads connections over them. Multipath TCP
// stays off: its sockets cannot be spliced.
func Listen(ctx context.Context, address netip.Addr, port uint16, shared bool) (*net.TCPListener, error) {
	config := net.ListenConfig{KeepAlive: -1} // what options sets is left alone
	config.Control = func(_, _ string, conn syscall.RawConn) error {
		return errors.Join(control(conn, options), control(conn, func(fd int) error { return Share(fd, shared) }))
	}
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
func options(fd int) error {
	return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1), SetKeepAlive(fd))
}

// Share says whether others may open the port of a socket that is or will be bound,
// if they share it too.
func Share(fd int, shared bool) error {
	value := 0
	if shared {
		value = 1
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, value)
}

// control does something with the descriptor of a socket.
func control(conn syscall.RawConn, do func(fd int) error) error {
	var err error
	control := conn.Control(func(fd uintptr) { err = do(int(fd)) })
	return cmp.Or(control, err)
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

// Duplicate makes another descriptor of a socket, for its options or for those who do
// not use Go's poller. It keeps the socket open, is to be closed, and unlike that of
// File it is not watched by Go's poller.
func Duplicate(of syscall.Conn) (fd int, err error) {
	raw, err := of.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = control(raw, func(from int) error {
		fd, err = unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// Conn makes a connection of the descriptor of one, which it closes.
func Conn(fd int) (*net.TCPConn, error) {
	file := os.NewFile(uintptr(fd), "connection")
	defer file.Close() // FileConn duplicates it
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close()
		return nil, fmt.Errorf("a connection of %s, and not of TCP", conn.RemoteAddr().Network())
	}
	return tcp, nil
}

// Listener makes a listener of another descriptor of a listening socket, which stays
// the caller's.
func Listener(fd int) (*net.TCPListener, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(own), "listener")
	defer file.Close() // FileListener duplicates it again
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		_ = l.Close()
		return nil, fmt.Errorf("a socket that listens on %s, and not on TCP", l.Addr().Network())
	}
	return tcp, nil
}

// A port that is being closed accepts until nobody has come for LastCall, so that
// no client which the kernel has already let in is turned away, but no longer than
// LastCallMax in all.
const (
	LastCall    = 10 * time.Millisecond
	LastCallMax = time.Second
)
