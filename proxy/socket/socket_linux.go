// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

const keepAliveIdle = unix.TCP_KEEPIDLE

// TurnAway makes the kernel let nobody new into a listening socket, while those
// it has already answered come through. Without that, a client that is let in just
// before the socket closes would be reset. One that is turned away tries again
// after a second, and finds another proxy that shares the port, or is refused.
//
// It does so by a filter that drops segments with SYN. If the kernel does not
// take it, closing is as it would be without.
func TurnAway(listening int) {
	const flags, syn = 13, 0x02 // offset in the TCP header, and bit
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: syn, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_ = unix.SetsockoptSockFprog(listening, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program)
}

// Unknown stands for a silence that the kernel does not tell.
const Unknown = time.Duration(math.MaxInt64)

// Silence is how long ago a byte last came from or went to the peer of a
// connection, as the kernel saw it: a write that is under way is thereby known to
// make progress. It is Unknown where the kernel does not tell.
func Silence(fd int) time.Duration {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return Unknown
	}
	return time.Duration(min(info.Last_data_recv, info.Last_data_sent)) * time.Millisecond
}

// Gone tells whether a connection was reset or given up, as far as the kernel knows.
func Gone(fd int) bool {
	const closed = 7 // TCP_CLOSE of the kernel's enum
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == closed
}

// Received is how many bytes have been received and not read.
func Received(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return math.MaxInt // a read says what is wrong
	}
	return n
}

// Ended tells whether the peer of a connection has closed its side, or it is broken.
func Ended(fd int) bool {
	const established = 1 // TCP_ESTABLISHED of the kernel's enum
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err != nil || info.State != established
}

// Usable tells whether a connection is established, and its peer has not closed it.
func Usable(fd int) bool {
	const established = 1 // TCP_ESTABLISHED of the kernel's enum
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == established
}

// Pending tells whether bytes of a connection are on their way: written and not yet
// taken by the peer's kernel, or received and not read.
func Pending(fd int) bool {
	out, errOut := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	in, errIn := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return errOut == nil && out > 0 || errIn == nil && in > 0
}
