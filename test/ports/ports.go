// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ports gives tests ports for servers that cannot choose one themselves.
// In goes a test; out comes a port of the loopback, which stays that test's. For those
// who are no test there is Address.
package ports

import (
	"net"
	"syscall"
	"testing"
)

// Free is a port of 127.0.0.1 on which a server can listen until the test ends. A
// socket keeps it without listening: the kernel gives it to nobody who asks for any
// port, neither to listen nor to connect from. The server has to ask for it with
// SO_REUSEADDR, as servers do.
func Free(t testing.TB) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	syscall.CloseOnExec(fd)
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	address, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return address.(*syscall.SockaddrInet4).Port
}

// Address is HOST:PORT on 127.0.0.1 where nobody listens at the moment. Nothing keeps
// it from others.
func Address() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
