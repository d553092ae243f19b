// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/socket"
)

// The calls here do not block, and so need not tell Go's scheduler of themselves.

// epollWait waits for at most ms milliseconds. Unlike unix.EpollWait it keeps its Go
// processor meanwhile.
func epollWait(epoll int, events []unix.EpollEvent, ms int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(ms), 0, 0)
	return int(n), errno
}

func epollCtl(epoll, op int, fd int32, event *unix.EpollEvent) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(event)), 0, 0)
	return errno
}

func receive(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	return int(n), errno
}

// peek is receive, but what it returns will be received again.
func peek(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_PEEK, 0, 0)
	return int(n), errno
}

func send(fd int32, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

func splice(from, to int32, most int) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(most),
		unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	return int(n), errno
}

func accept(listening int, from *unix.RawSockaddrAny) (int32, unix.Errno) {
	size := uint32(unsafe.Sizeof(*from))
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(from)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int32(fd), errno
}

// connect begins to connect a new socket to an address, with a congestion control
// of its own if one is named and can be had. EINPROGRESS is not an error.
func connect(to netip.AddrPort, congestionControl string) (int32, unix.Errno) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	s, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family),
		unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if errno != 0 {
		return -1, errno
	}
	fd := int32(s)
	setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if congestionControl != "" {
		_ = socket.SetCongestionControl(int(fd), congestionControl)
	}
	if to.Addr().Is6() {
		address := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: bigEndian(to.Port()), Addr: to.Addr().As16()}
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, s, uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	} else {
		address := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: bigEndian(to.Port()), Addr: to.Addr().As4()}
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, s, uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	}
	if errno != 0 && errno != unix.EINPROGRESS {
		closeSocket(fd)
		return -1, errno
	}
	return fd, 0
}

// setOption fails only where the option is not known, and then does nothing.
func setOption(fd int32, level, name int, value int32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0)
}

func shutdownWrite(fd int32) {
	_, _, _ = unix.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
}

func closeSocket(fd int32) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// resetSocket closes a connection with RST.
func resetSocket(fd int32) {
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	closeSocket(fd)
}

// bigEndian is a number whose bytes in memory are those of n with the first one foremost.
func bigEndian(n uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], n)
	return binary.BigEndian.Uint16(b[:])
}

// addressOf reads what accept has left: the address with IPv4 as in IPv6, and the port.
func addressOf(from *unix.RawSockaddrAny) (address [16]byte, port uint16) {
	if from.Addr.Family == unix.AF_INET6 {
		in6 := (*unix.RawSockaddrInet6)(unsafe.Pointer(from))
		return in6.Addr, bigEndian(in6.Port)
	}
	in4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
	return netip.AddrFrom4(in4.Addr).As16(), bigEndian(in4.Port)
}
