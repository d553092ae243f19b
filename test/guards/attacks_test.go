// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guards

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// attacker is the address that attacks come from.
const attacker = "127.0.0.1"

// attack is something done to a port, and what the port has against it.
type attack struct {
	name, about string
	guard       func(*pushv1.Listener, *pushv1.Route) // what the port has; nil: nothing
	further     func(*pushv1.Route)                   // makes a second route of the port out of the first; nil: there is none
	queues      bool                                  // who connects to the port waits his turn, and that is the guard
	counted     string                                // metrics that it moves, as an expression
	begin       func(*testing.T, *world, netip.AddrPort) (stop func())
}

func attacks() []attack {
	return []attack{
		{
			name:    "idle",
			about:   "connections that are established, and say nothing",
			counted: `^wye_proxy_connections_active.*route="guards/idle"`,
			begin: func(t *testing.T, w *world, to netip.AddrPort) func() {
				return holdMany(t, w, to, 2) // the backend's ends are here, too
			},
		},
		{
			name:    "half a ClientHello",
			about:   "clients that say what they ask for in TLS, one byte a second",
			further: forName,
			counted: `^wye_proxy_handshakes_active`,
			begin:   trickle,
		},
		{
			name:    "half open",
			about:   "clients that have to say something before they are routed, and say nothing",
			further: forName,
			counted: `^wye_proxy_handshakes_active`,
			begin: func(t *testing.T, w *world, to netip.AddrPort) func() {
				return holdMany(t, w, to, 1)
			},
		},
		{
			name:    "a PROXY header without end",
			about:   "trusted peers whose PROXY header is longer than any may be, or comes one byte a second",
			guard:   trusting,
			counted: `^wye_proxy_connections_closed_total.*outcome="proxy_header_failed"`,
			begin:   oversized,
		},
		{
			name:  "one client too often",
			about: "a client that has all the connections it may have, and tries again at once",
			guard: func(_ *pushv1.Listener, r *pushv1.Route) {
				r.Limits = &pushv1.RouteLimits{MaxConnectionsPerClient: 10}
			},
			counted: `^wye_proxy_connections_closed_total.*outcome="client_full"`,
			begin:   hammer(4, *attempts),
		},
		{
			name:  "an address that may not",
			about: "a client that is not allowed to connect, and tries again at once",
			guard: func(_ *pushv1.Listener, r *pushv1.Route) {
				r.Access = &pushv1.Access{Deny: []string{attacker + "/32"}}
			},
			counted: `^wye_proxy_connections_closed_total.*outcome="access_denied"`,
			begin:   hammer(4, *attempts),
		},
		{
			name:  "a flood of connections",
			about: "more connections than the port accepts in a second",
			guard: func(l *pushv1.Listener, r *pushv1.Route) {
				l.AcceptRate = 500
				r.Access = &pushv1.Access{Deny: []string{attacker + "/32"}}
			},
			queues:  true,
			counted: `^wye_proxy_accept_pauses_total.*reason="accept_rate"`,
			begin:   hammer(16, 0),
		},
	}
}

// forName makes a route for those who ask for a name: now the port must read what
// clients say before it can route them, and those who do not speak TLS go to the first.
func forName(r *pushv1.Route) {
	r.Name += "-name"
	r.Hostnames = []string{"a.example"}
}

// trusting awaits PROXY headers of the attackers.
func trusting(l *pushv1.Listener, _ *pushv1.Route) {
	l.ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{attacker + "/32"}}
}

// spare is how many descriptors the test needs for other things.
const spare = 1000

// affordable is how many connections the test can hold, each of which takes so many
// descriptors of it.
func affordable(t *testing.T, each int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(*connections, (int(min(limit.Cur, 1<<30))-spare)/each)
	if n < *connections {
		t.Logf("%d connections, for there are %d descriptors (ulimit -n)", n, limit.Cur)
	}
	return n
}

// holdMany opens many connections, says nothing on them, and holds them. Each takes so many
// descriptors of the test.
func holdMany(t *testing.T, w *world, to netip.AddrPort, each int) (stop func()) {
	t.Helper()
	before := w.active(t)
	conns := make([]net.Conn, 0, *connections)
	for range affordable(t, each) {
		conn, err := tryDial(attacker, to)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	w.await(t, "all are there", func() bool { return w.active(t) >= before+float64(len(conns)) })
	return func() {
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// hammer connects again and again, from several places at once, up to perSecond times
// a second in all; 0: as fast as it can.
func hammer(places, perSecond int) func(*testing.T, *world, netip.AddrPort) (stop func()) {
	return say(places, perSecond, nil)
}

// oversized sends PROXY headers of both versions that are too long, and one of which the
// end does not come.
func oversized(t *testing.T, w *world, to netip.AddrPort) (stop func()) {
	t.Helper()
	v1 := "PROXY TCP4 " + strings.Repeat("9", 4096)
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff" + strings.Repeat("9", 4096)
	stops := []func(){
		say(2, *attempts/2, []byte(v1))(t, w, to),
		say(2, *attempts/2, []byte(v2))(t, w, to),
		dribble([]byte(v1), to),
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// say connects as hammer does, and says something.
func say(places, perSecond int, words []byte) func(*testing.T, *world, netip.AddrPort) (stop func()) {
	return func(_ *testing.T, _ *world, to netip.AddrPort) func() {
		over := make(chan struct{})
		var all sync.WaitGroup
		for range places {
			all.Go(func() {
				turns, stop := pace(perSecond, places)
				defer stop()
				knock(to, words, turns, over)
			})
		}
		return func() {
			close(over)
			all.Wait()
		}
	}
}

// pace has a value when it is time for the next attempt at one place.
func pace(perSecond, places int) (turns <-chan time.Time, stop func()) {
	if perSecond == 0 {
		always := make(chan time.Time)
		close(always)
		return always, func() {}
	}
	ticks := time.NewTicker(time.Second * time.Duration(places) / time.Duration(perSecond))
	return ticks.C, ticks.Stop
}

// knock connects each time it is its turn, and holds what is let in, until it is over.
func knock(to netip.AddrPort, words []byte, turns <-chan time.Time, over <-chan struct{}) {
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			conn.Close()
		}
	}()
	for {
		select {
		case <-over:
			return
		default:
		}
		select {
		case <-over:
			return
		case <-turns:
		}
		conn, err := tryDial(attacker, to)
		if err != nil { // reset before it knew that it was connected
			continue
		}
		_, _ = conn.Write(words)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) { // let in
			held = append(held, conn)
		} else {
			conn.Close()
		}
	}
}
