// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/peer"
)

// door is a listener that bounds the connections on which nobody has proved yet
// who they are. Over the bound it closes new ones at once, so that strangers
// cannot use up the controller's memory; those who proved it are not counted.
type door struct {
	net.Listener
	limit  int64
	guests atomic.Int64
}

func newDoor(ln net.Listener, limit int64) *door {
	return &door{Listener: ln, limit: limit}
}

// Accept waits for the next connection that there is room for.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.guests.Add(1) <= d.limit {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { d.guests.Add(-1) })}, nil
		}
		d.guests.Add(-1)
		conn.Close()
	}
}

// guest is a connection that counts at the door until it is vouched for, or closed.
type guest struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}

// RemoteAddr is the peer's address, which leads back to the guest: it is all
// that a gRPC handler gets to see of its connection.
func (g *guest) RemoteAddr() net.Addr { return guestAddr{g.Conn.RemoteAddr(), g} }

type guestAddr struct {
	net.Addr
	guest *guest
}

// vouch takes the connection of a handler off the door's count.
func vouch(ctx context.Context) {
	if p, ok := peer.FromContext(ctx); ok {
		if addr, ok := p.Addr.(guestAddr); ok {
			addr.guest.leave()
		}
	}
}
