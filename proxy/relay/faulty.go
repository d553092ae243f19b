// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/wye-dev/wye/proxy/socket"
)

// faulty is the one of two connections that broke with err, which came from
// moving bytes from src to dst.
func faulty(dst, src *net.TCPConn, err error) *net.TCPConn {
	if dstGone, srcGone := gone(dst), gone(src); dstGone != srcGone {
		if dstGone {
			return dst
		}
		return src
	}
	if errors.Is(err, syscall.EPIPE) { // only writing says so
		return dst
	}
	return src
}

func gone(conn *net.TCPConn) (gone bool) {
	control(conn, func(fd int) { gone = socket.Gone(fd) })
	return gone
}

func pending(conn *net.TCPConn) (pending bool) {
	control(conn, func(fd int) { pending = socket.Pending(fd) })
	return pending
}

func silence(conn *net.TCPConn) time.Duration {
	silence := socket.Unknown
	control(conn, func(fd int) { silence = socket.Silence(fd) })
	return silence
}

func control(conn *net.TCPConn, f func(fd int)) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}
