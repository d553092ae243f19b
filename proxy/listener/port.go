// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/socket"
)

// Port is a listener of the plan in force, or one that is being closed, as the
// driver that serves it sees it.
type Port struct {
	Name string

	limits    atomic.Pointer[limits] // never nil
	relimited func()                 // tells of other limits; may be nil
	since     time.Time              // which the clock of limits.rate counts from

	plan    atomic.Pointer[plan.Listener]
	serving atomic.Int64 // connections

	handshakes atomic.Int64 // of those, that are not routed yet
	counts     *metrics.Port
}

// Plan is what holds for new connections.
func (p *Port) Plan() *plan.Listener { return p.plan.Load() }

// Enter counts a connection in, unless there are as many as there may be. Leave
// must follow if it did.
func (p *Port) Enter() bool {
	if n, most := p.serving.Add(1), p.limits.Load().maxConnections; most > 0 && n > most {
		p.serving.Add(-1)
		return false
	}
	return true
}

// EnterLate counts a connection in that the kernel had let in before the port was
// closed: it is served whatever the limit is. Leave must follow.
func (p *Port) EnterLate() { p.serving.Add(1) }

// Leave counts a connection out. It tells whether somebody may wait for that.
func (p *Port) Leave() bool { return p.serving.Add(-1) < p.limits.Load().maxConnections }

// BeginHandshake counts a connection among those that have not said yet what is needed
// to serve them (a PROXY header, what they ask for in TLS, its handshake), unless there
// are as many as there may be. EndHandshake must follow if it did.
func (p *Port) BeginHandshake() bool {
	limit := int64(p.Plan().MaxHandshakes)
	if n := p.handshakes.Add(1); limit > 0 && n > limit {
		p.handshakes.Add(-1)
		return false
	}
	p.counts.Handshakes.Add(1)
	return true
}

// EndHandshake counts a connection out again.
func (p *Port) EndHandshake() {
	p.handshakes.Add(-1)
	p.counts.Handshakes.Add(-1)
}

// bound is a port of the plan with the socket that it is on.
type bound struct {
	Port
	address netip.Addr // the zero Addr is all interfaces
	number  uint16
	stop    func(kept bool) // the driver's; nil when the port could not be opened
	err     error           // why it could not be

	fd         int              // the same socket as the driver's, while stop is not nil
	held       *net.TCPListener // what the driver is to serve once the Set begins; nil: it does
	kept       bool             // another port goes on with the socket
	congestion string           // congestion control that the plan wants; empty: the kernel's default
	given      string           // what the socket has of that
}

func (b *bound) serves(address netip.Addr, l *plan.Listener) bool {
	return b.address == address && b.number == l.Port
}

// problem says why the port is not open; empty if it is.
func (b *bound) problem() string {
	if b.err == nil {
		return ""
	}
	return fmt.Sprintf("bind port %d: %v", b.number, b.err)
}

// place is where the port is, as in 127.0.0.1:80, or *:80 for all interfaces.
func (b *bound) place() string {
	if !b.address.IsValid() {
		return fmt.Sprintf("*:%d", b.number)
	}
	return netip.AddrPortFrom(b.address, b.number).String()
}

// close stops the port, if it is open.
func (b *bound) close() {
	if b.stop != nil {
		_ = unix.Close(b.fd)
		b.stop(b.kept)
	}
}

// controlCongestion has the kernel give those whom it lets in from now on the
// congestion control that the plan wants, or its default if that cannot be had.
func (b *bound) controlCongestion() {
	if b.given == b.congestion {
		return
	}
	if b.congestion != "" && socket.SetCongestionControl(b.fd, b.congestion) == nil {
		b.given = b.congestion
		return
	}
	if b.given == "" {
		return
	}
	if usual, err := socket.DefaultCongestionControl(); err == nil && socket.SetCongestionControl(b.fd, usual) == nil {
		b.given = ""
	}
}

// HandshakeTimeout is what a client has, since it was accepted, for all that comes
// before its connection is routed: PROXY header, ClientHello and the handshake of TLS.
const HandshakeTimeout = 10 * time.Second

// Driver accepts the connections of ports and serves each to its end.
type Driver interface {
	migration.Connections
	// Serve accepts on l, which is the driver's from now on but for the congestion
	// control that clients inherit from it, until stop is called.
	// Then nobody new is let in, and whoever has already reached the socket is still
	// served; unless the socket is kept, by somebody else who goes on accepting from it.
	// stop does not wait for that.
	Serve(l *net.TCPListener, p *Port) (stop func(kept bool), err error)
	// Active is the number of connections being served.
	Active() int
	// Drain waits until stopped ports have let in the last, and every connection has
	// ended. When kill is closed it ends those that are left, and returns their number.
	// Nothing is served afterwards. It is called once, after every port has been stopped.
	Drain(kill <-chan struct{}) (ended int)
}
