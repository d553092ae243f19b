// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scenario is one conversation, and how it is to look from all sides.
type scenario struct {
	name            string
	client, backend []step
	route           route // but for the endpoints
	to              way   // nil: plainly
	sockets         sockets
	want            seen
	secret          secret // whose TLS the proxy ends
}

// seen is what the peers and the proxy tell of a conversation.
type seen struct {
	client, backend string // as observed.String
	outcome         string // as counts.outcomes
}

// observation is all that can be known of a conversation.
type observation struct {
	Client, Backend observed
	Outcome         string
	Counted         string // what the bytes in the metrics are worth
}

func (o observation) seen() seen {
	return seen{client: o.Client.String(), backend: o.Backend.String(), outcome: o.Outcome}
}

// test plays the scenario on each data plane.
func (s scenario) test(t *testing.T) {
	t.Run(s.name, func(t *testing.T) {
		t.Parallel()
		var reference *observation
		for _, p := range planes() {
			t.Run(p.name, func(t *testing.T) {
				o := s.play(t, p)
				if diff := cmp.Diff(s.want, o.seen(), cmp.AllowUnexported(seen{})); diff != "" {
					t.Errorf("what was seen (-want +got):\n%s", diff)
				}
				if o.Counted != "right" {
					t.Errorf("bytes in the metrics: %s", o.Counted)
				}
				if reference == nil {
					reference = &o
				}
				if diff := cmp.Diff(*reference, o); diff != "" {
					t.Errorf("differs from %s (-%[1]s +%s):\n%s", planes()[0].name, p.name, diff)
				}
			})
		}
	})
}

// play has the peers speak through a proxy.
func (s scenario) play(t *testing.T, p plane) observation {
	to := s.to
	if to == nil {
		to = plainly
	}
	endpoints, accept := to(t, s.sockets)
	s.route.endpoints, s.route.secret = endpoints, s.secret
	return s.converse(start(t, p, s.route), accept)
}

// way makes the endpoints of a route, and accepts the one connection to them that
// is for the backend. accept is nil if there will be none.
type way func(*testing.T, sockets) (endpoints []netip.AddrPort, accept func(*marks) (*net.TCPConn, error))

// plainly goes to one endpoint, which is there.
func plainly(t *testing.T, s sockets) ([]netip.AddrPort, func(*marks) (*net.TCPConn, error)) {
	l, address := listen(t, s)
	return []netip.AddrPort{address}, func(*marks) (*net.TCPConn, error) { return l.AcceptTCP() }
}

// converse runs the scripts.
func (s scenario) converse(w *world, accept func(*marks) (*net.TCPConn, error)) observation {
	m := &marks{}
	client, backend := newPeer(w, m, 'c', 'b'), newPeer(w, m, 'b', 'c')
	if s.secret.client {
		client.keys = w.keys.client
	}
	if s.secret.backend {
		backend.keys = w.keys.backend
	}
	var peers sync.WaitGroup
	peers.Go(func() {
		conn, err := dial(w.address, s.sockets)
		switch {
		case err == nil:
			if s.route.front {
				_, err = io.WriteString(conn, header)
			}
			if err != nil {
				w.t.Error(err)
			}
			client.run(conn, s.client)
		case errors.Is(err, syscall.ECONNRESET): // so soon
			client.end = "RST"
		default:
			w.t.Error(err)
		}
	})
	if accept != nil {
		conn, err := accept(m)
		if err != nil {
			w.t.Error(err)
		} else {
			backend.run(conn, s.backend)
		}
	}
	peers.Wait()
	c := w.rests(1)
	return observation{
		Client:  client.sees(backend),
		Backend: backend.sees(client),
		Outcome: c.outcomes,
		Counted: counted(c, client, backend),
	}
}

// counted holds the bytes in the metrics against what the peers got.
func counted(c counts, client, backend *peer) string {
	got := fmt.Sprintf("%d received, %d sent; the peers got %d and %d", c.received, c.sent, backend.got, client.got)
	switch {
	case c.received < backend.got || c.sent < client.got:
		return "too low: " + got
	case c.received > client.sent || c.sent > backend.sent:
		return "too high: " + got
	case c.outcomes == "1 completed" && backend.end == "FIN" && c.received != backend.got,
		c.outcomes == "1 completed" && client.end == "FIN" && c.sent != client.got:
		return "not exact: " + got
	}
	return "right"
}

// listen opens a port for a backend until the test ends.
func listen(t testing.TB, s sockets) (*net.TCPListener, netip.AddrPort) {
	t.Helper()
	config := net.ListenConfig{Control: s.control}
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	tcp := l.(*net.TCPListener)
	if err := tcp.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return tcp, l.Addr().(*net.TCPAddr).AddrPort()
}

func dial(address string, s sockets) (*net.TCPConn, error) {
	dialer := net.Dialer{Control: s.control, Timeout: patience}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}
