// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package relay

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// readiness: reading itself waits, for a tick at a time.
func readiness(*net.TCPConn) (func() error, error) {
	return func() error { return nil }, nil
}

// faulty is the one of two connections that broke with err, which came from
// moving bytes from src to dst. Only writing says EPIPE.
func faulty(dst, src *net.TCPConn, err error) *net.TCPConn {
	if errors.Is(err, syscall.EPIPE) {
		return dst
	}
	return src
}

// silence is not known here: only what the relay itself has counted tells.
func silence(*net.TCPConn) time.Duration { return unknown }
