// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tight is the size of the buffers of a socket that is to run full soon, in
	// bytes. The kernel takes twice as much.
	tight = 8 << 10
	// tightSegment is the segment size beside it: with the loopback's own a window
	// is never wide enough for one, and the sender waits for a timer each time.
	tightSegment = 1400
)

// local is an address on loopback whose port the kernel chooses.
func local() unix.Sockaddr { return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}} }

// rawSocket makes a socket that is bound to a port of its own, and closes it when
// the test ends.
func rawSocket(t testing.TB) (fd int, address netip.AddrPort) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, local()); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*unix.SockaddrInet4).Port))
}

// refusing is an address where connections are refused until the test ends.
func refusing(t testing.TB) netip.AddrPort {
	t.Helper()
	_, address := rawSocket(t)
	return address
}

// busy is an address that answers no attempt to connect, until free is called and
// accepts the next one.
func busy(t testing.TB) (address netip.AddrPort, free func() (*net.TCPConn, error)) {
	t.Helper()
	fd, address := rawSocket(t)
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	filler, err := net.Dial("tcp", address.String()) // a backlog of 0 holds one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { filler.Close() })
	l := adopt(t, fd)
	return address, func() (*net.TCPConn, error) {
		first, err := l.AcceptTCP()
		if err != nil {
			return nil, err
		}
		first.Close()
		return l.AcceptTCP()
	}
}

// adopt makes a listener of a copy of a socket that listens, and closes it when the
// test ends.
func adopt(t testing.TB, fd int) *net.TCPListener {
	t.Helper()
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(copied), "listener")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	tcp := l.(*net.TCPListener)
	if err := tcp.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return tcp
}

// sockets says how the sockets of a peer are to be.
type sockets struct {
	tight bool // small buffers both ways
}

// control is for net.Dialer and net.ListenConfig.
func (s sockets) control(_, _ string, conn syscall.RawConn) error {
	if !s.tight {
		return nil
	}
	var errs []error
	err := conn.Control(func(fd uintptr) {
		errs = append(errs,
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, tight),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, tight),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, tightSegment),
		)
	})
	return errors.Join(append(errs, err)...)
}
