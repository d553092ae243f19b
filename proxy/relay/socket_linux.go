// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"

	"golang.org/x/sys/unix"
)

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
