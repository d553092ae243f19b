// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/proxyproto"
	"github.com/wye-dev/wye/proxy/upstream"
)

// side is one of the two that a connection is between.
type side uint8

const (
	client side = iota
	backend
)

func (s side) other() side { return 1 - s }

// conn is a client's connection with the one to its endpoint. It is kept small,
// and where it can be free of pointers: there may be a million.
type conn struct {
	index int32 // in the slab
	phase phase
	dials uint16
	sock  [2]sock // by side
	half  [2]half // by the side that bytes come from
	timer timer

	queued bool // has a place in the loop's ready list
	untold bool // has a place in the loop's untold list
	aged   bool // has been open for long enough for keep-alive

	watched   bool // the kernel tells of the client's socket
	handshake bool // its port counts it among those that are not routed yet

	outcome flow.Outcome // what ended it first; Open for nothing
	peer    peer
	id      uint64
	source  *source
	route   *plan.Route
	front   *front           // of a client that is being read, or came through a proxy; else nil
	secret  [2]*secret       // by side: where TLS with it ends; nil for a side in the clear
	search  *upstream.Search // while there is no endpoint
	door    upstream.Door    // that the client came through
	pace    *pace            // nil: bytes are not limited
	arm     *metrics.Arm
	lease   balancer.Lease
	err     error // what the system said to what ended it

	accepted  time.Duration // since the loop's base, as those below
	connected time.Duration
	last      time.Duration // when a byte was last moved
}

type phase uint8

const (
	free       phase = iota // not in use; events of what it was are old
	reading                 // waits for what tells where it goes
	greeting                // waits for the client to begin with TLS
	shaking                 // a goroutine is at the handshake
	dialling                // waits for an endpoint to answer, or to try another
	announcing              // the endpoint has answered, and takes its PROXY header
	securing                // a goroutine is at the handshake with the endpoint
	relaying
)

// peer is the client's address.
type peer struct {
	ip   [16]byte // IPv4 as in IPv6
	port uint16
}

func (p peer) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(p.ip).Unmap(), p.port)
}

func peerOf(a netip.AddrPort) peer { return peer{ip: a.Addr().As16(), port: a.Port()} }

// header is what a proxy in front has sent; nil for nothing.
func (c *conn) header() *proxyproto.Header {
	if c.front == nil {
		return nil
	}
	return c.front.header
}

// sock is a socket and what is known of it from events: what they have reported,
// and no call has found untrue since.
type sock struct {
	fd       int32
	readable bool
	writable bool
	hung     bool // its peer has closed or reset: reads go on until they say so
}

// half is one direction of a connection.
type half struct {
	held  *block // what was read and could not be written
	pipe  *pipe  // what was read into a pipe and could not be written; nil when there is nothing
	moved int64  // bytes written
	told  int64  // of those, what the metrics know
	run   uint32 // how much it has moved lately in large pieces; see bulk
	ended bool   // the end has been read, or nothing is read any more
	over  bool   // the end has been passed on, or there is nobody to pass it to
}

// stuck tells whether bytes wait for the receiver.
func (h *half) stuck() bool { return h.held != nil || h.pipe != nil }

// tell has the metrics count the bytes that have moved.
func (c *conn) tell() {
	if !c.untold {
		return
	}
	c.untold = false
	in, out := &c.half[client], &c.half[backend]
	if out.told == 0 && out.moved > 0 {
		c.lease.Proved()
	}
	c.arm.Moved(in.moved-in.told, out.moved-out.told)
	in.told, out.told = in.moved, out.moved
}

// slab holds the connections of a loop. They do not move.
type slab struct {
	chunks [][]conn
	free   []int32
	freed  []int32 // in this batch of events, some of which may still be about them
}

const chunk = 128

func (s *slab) at(i int32) *conn { return &s.chunks[i/chunk][i%chunk] }

// take returns a connection of which nothing is set but its index.
func (s *slab) take() *conn {
	if len(s.free) == 0 {
		base := int32(len(s.chunks) * chunk)
		s.chunks = append(s.chunks, make([]conn, chunk))
		for i := int32(chunk - 1); i >= 0; i-- {
			s.at(base + i).clear(base + i)
			s.free = append(s.free, base+i)
		}
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return s.at(i)
}

func (c *conn) clear(index int32) {
	*c = conn{index: index, timer: timer{slot: none}, sock: [2]sock{{fd: none}, {fd: none}}}
}

// release gives a connection back for others, once the present batch is done.
func (s *slab) release(c *conn) {
	c.clear(c.index)
	s.freed = append(s.freed, c.index)
}

func (s *slab) recycle() {
	s.free = append(s.free, s.freed...)
	s.freed = s.freed[:0]
}

// each calls f with every connection in use.
func (s *slab) each(f func(*conn)) {
	for _, chunk := range s.chunks {
		for i := range chunk {
			if chunk[i].phase != free {
				f(&chunk[i])
			}
		}
	}
}
