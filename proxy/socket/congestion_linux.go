// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SetCongestionControl gives a TCP socket a congestion control by name, such as
// cubic. It is for sockets that are not connected: one that listens, whose
// connections inherit it, or one that is about to connect. A connection that has
// begun with bbr goes on being paced whatever it is given later, and that is most of
// what bbr costs.
//
// Errors are ENOENT for one that the kernel does not have, and EPERM for one that is
// not in net.ipv4.tcp_allowed_congestion_control, without CAP_NET_ADMIN.
func SetCongestionControl(fd int, name string) error {
	return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
}

// CongestionControl is the name of the congestion control that a TCP socket has.
func CongestionControl(fd int) (string, error) {
	return unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
}

// DefaultCongestionControl is what the kernel gives new sockets.
func DefaultCongestionControl() (name string, err error) {
	err = withNew(func(fd int) error {
		name, err = CongestionControl(fd)
		return err
	})
	return name, err
}

// TryCongestionControl tells whether sockets can have a congestion control. Errors
// are those of SetCongestionControl.
func TryCongestionControl(name string) error {
	return withNew(func(fd int) error { return SetCongestionControl(fd, name) })
}

// withNew does something with a socket that is used for nothing else.
func withNew(do func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	return do(fd)
}
