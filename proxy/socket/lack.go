// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"syscall"
)

// Lack tells whether an attempt to connect failed for a lack of this machine's own, such
// as of descriptors or ports, which says nothing of the peer.
func Lack(err error) bool {
	for _, lack := range [...]syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.EAGAIN, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPERM,
	} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}
