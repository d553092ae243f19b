// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guards

import (
	"net"
	"net/netip"
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
				return holdMany(t, w, to, 2, nil) // the backend's ends are here, too
			},
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
			counted: `^wye_proxy_accept_pauses_total.*reason="accept_rate"`,
			begin:   hammer(16, 0),
		},
	}
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

// holdMany opens many connections, has first say something on each if it is not nil, and
// holds them.
func holdMany(t *testing.T, w *world, to netip.AddrPort, each int, first func(net.Conn)) (stop func()) {
	t.Helper()
	before := w.active(t)
	conns := make([]net.Conn, 0, *connections)
	for range affordable(t, each) {
		conn, err := tryDial(attacker, to)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil {
			first(conn)
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
	return func(_ *testing.T, _ *world, to netip.AddrPort) func() {
		over := make(chan struct{})
		var all sync.WaitGroup
		for range places {
			all.Go(func() { knock(to, pace(perSecond, places), over) })
		}
		return func() {
			close(over)
			all.Wait()
		}
	}
}

// pace is the time between two attempts at one place.
func pace(perSecond, places int) time.Duration {
	if perSecond == 0 {
		return time.Nanosecond
	}
	return time.Second * time.Duration(places) / time.Duration(perSecond)
}

// knock connects every so often, and holds what is let in, until it is over.
func knock(to netip.AddrPort, every time.Duration, over <-chan struct{}) {
	var held []net.Conn
	defer func() {
		for _, conn := range held {
			conn.Close()
		}
	}()
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-over:
			return
		case <-ticks.C:
		}
		conn, err := tryDial(attacker, to)
		if err != nil { // reset before it knew that it was connected
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); isTimeout(err) {
			held = append(held, conn)
		} else {
			conn.Close()
		}
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
