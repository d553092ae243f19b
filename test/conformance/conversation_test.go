// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net"
	"time"
)

// conversation is what a client and a backend do that a few bytes say. Any bytes say
// something.
type conversation struct{ client, backend part }

// part is what one peer does. It sends and receives at the same time.
type part struct {
	tight  bool // small buffers, of the client alone: the backend's are its listener's
	size   int  // of reads
	stall  time.Duration
	after  int64 // bytes that it receives before it stalls
	script []step
	ends   manner
}

// manner is how a part ends.
type manner int

const (
	inOrder manner = iota // with FIN, and when everything is received
	byReset
	byClosing // whatever is still to come
)

// read makes a conversation of bytes.
func read(script []byte) conversation {
	next := func() (b byte) {
		if len(script) > 0 {
			b, script = script[0], script[1:]
		}
		return b
	}
	return conversation{client: readPart(next), backend: readPart(next)}
}

func readPart(next func() byte) part {
	b := next()
	p := part{
		tight: b&0x80 != 0,
		size:  max(sizes(b&0x0f), 100),
		stall: time.Duration(b>>4&0x07) * time.Millisecond,
		after: int64(sizes(next())),
	}
	for range next() % 8 {
		action := next()
		size := int64(sizes(action >> 4))
		switch kind := action & 0x0f; {
		case kind < 9:
			p.script = append(p.script, send(size))
		case kind < 10:
			p.script = append(p.script, sendBy(min(size, 500), 1))
		case kind < 12:
			p.script = append(p.script, pause(time.Duration(action>>4)*time.Millisecond/4))
		case kind == 12:
			p.script = append(p.script, shut)
			return p
		case kind == 13:
			p.script = append(p.script, sendWithFIN(size))
			return p
		case kind == 14:
			p.script, p.ends = append(p.script, reset), byReset
			return p
		case kind == 15:
			p.script, p.ends = append(p.script, hangUp), byClosing
			return p
		}
	}
	p.script = append(p.script, shut)
	return p
}

// sizes of what is written or read at a time, about those where something changes.
func sizes(i byte) int {
	return [...]int{
		1, 2, 100, 1021, 1460, 4096, 7919, 16 * kib, 64*kib - 1, 64 * kib, 64*kib + 1, 100_003,
		256 * kib, 300_007, mib, mib + 1,
	}[i%16]
}

// pause does nothing for a while.
func pause(d time.Duration) step { return func(*peer) { <-time.After(d) } }

// do runs the part on a connection. The peer stalls once, after some bytes.
func (p part) do(who *peer, conn *net.TCPConn) {
	receiving := steps(func(who *peer) { who.read(p.after, p.size) }, pause(p.stall), receiveBy(p.size))
	who.run(conn, steps(atOnce(p.script, receiving)))
}
