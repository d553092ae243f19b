// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"net"

	"golang.org/x/sys/unix"
)

// turnAway makes the kernel let nobody new into a listening socket, while those
// it has already answered come through. Without that, a client that is let in just
// before the socket closes would be reset. One that is turned away tries again
// after a second, and finds another proxy that shares the port, or is refused.
//
// It does so by a filter that drops segments with SYN. If the kernel does not
// take it, closing is as it would be without.
func turnAway(l *net.TCPListener) {
	const flags, syn = 13, 0x02 // offset in the TCP header, and bit
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if raw, err := l.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program)
		})
	}
}
