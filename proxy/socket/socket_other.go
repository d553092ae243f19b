// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package socket

import (
	"errors"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

const keepAliveIdle = unix.TCP_KEEPALIVE

// TurnAway does nothing here: a client that is let in while the port closes may be reset.
func TurnAway(int) {}

// Unknown stands for a silence that the kernel does not tell.
const Unknown = time.Duration(math.MaxInt64)

// Silence is not known here.
func Silence(int) time.Duration { return Unknown }

// Gone is not known here.
func Gone(int) bool { return false }

// Received is not known here: as many as are wanted.
func Received(int) int { return math.MaxInt }

// Ended is not known here.
func Ended(int) bool { return false }

// Usable tells whether the peer of a connection has not closed it, as long as it has
// sent nothing.
func Usable(fd int) bool {
	n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n > 0 || errors.Is(err, unix.EAGAIN)
}

// Pending is not known here.
func Pending(int) bool { return false }
