// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// stateClosed is TCP_CLOSE of the kernel's enum: the connection was reset, or given up.
const stateClosed = 7

// readiness returns a function that waits until conn has bytes, an end or an
// error to read, and reads nothing.
func readiness(conn *net.TCPConn) (func() error, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	ready := func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		return n > 0 || err != nil // if the kernel cannot tell, reading can
	}
	return func() error { return raw.Read(ready) }, nil
}

// faulty is the one of two connections that broke with err, which came from
// moving bytes from src to dst.
func faulty(dst, src *net.TCPConn, err error) *net.TCPConn {
	dstInfo, srcInfo := info(dst), info(src)
	dstGone := dstInfo != nil && dstInfo.State == stateClosed
	srcGone := srcInfo != nil && srcInfo.State == stateClosed
	if dstGone != srcGone {
		if dstGone {
			return dst
		}
		return src
	}
	if errors.Is(err, unix.EPIPE) { // only writing says so
		return dst
	}
	return src
}

// silence is how long ago a byte last came from or went to the peer of conn, as
// the kernel saw it. A write that is under way is thereby known to make progress.
func silence(conn *net.TCPConn) time.Duration {
	i := info(conn)
	if i == nil {
		return unknown
	}
	return time.Duration(min(i.Last_data_recv, i.Last_data_sent)) * time.Millisecond
}

func info(conn *net.TCPConn) (i *unix.TCPInfo) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) {
		if i, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err != nil {
			i = nil
		}
	})
	return i
}
