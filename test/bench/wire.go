//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "encoding/binary"

// The protocol between the load client and the backends. The client opens a
// connection and sends an 8-byte header: a mode, three zero bytes and a
// big-endian size. The backend answers with one byte, its identity, and then
// does what the mode says until the client closes.
const (
	modeMessages = 'R' // for every size bytes received, send size bytes
	modeSource   = 'D' // send without end
	modeSink     = 'U' // receive without end
	modeBoth     = 'B' // send and receive without end

	headerLen = 8
)

func header(mode byte, size int) []byte {
	h := make([]byte, headerLen)
	h[0] = mode
	binary.BigEndian.PutUint32(h[4:], uint32(size))
	return h
}
