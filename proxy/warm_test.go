// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/test/ports"
)

// greeter is a backend that speaks first, and knows its connections.
type greeter struct {
	t        *testing.T
	endpoint *pushv1.Endpoint

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
	ends  int        // guarded by mu: of those that have ended
}

func newGreeter(t *testing.T, name string) *greeter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := &greeter{t: t, endpoint: &pushv1.Endpoint{Address: "127.0.0.1", Port: uint32(l.Addr().(*net.TCPAddr).Port)}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.mu.Lock()
			g.conns = append(g.conns, c)
			g.mu.Unlock()
			go func() {
				defer c.Close()
				fmt.Fprintln(c, name)
				_, _ = io.Copy(c, c)
				g.mu.Lock()
				g.ends++
				g.mu.Unlock()
			}()
		}
	}()
	return g
}

// has waits until so many connections have come, and so many ended.
func (g *greeter) has(came, ended int) {
	g.t.Helper()
	eventually(g.t, func() error {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.conns) != came || g.ends != ended {
			return fmt.Errorf("%d connections have come and %d ended, want %d and %d", len(g.conns), g.ends, came, ended)
		}
		return nil
	})
}

// closeAll ends all connections from this side.
func (g *greeter) closeAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		c.Close()
	}
}

func onBothPlanes(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, portable := range map[string]bool{"loops": false, "goroutines": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.options.Portable = portable
			test(t, w)
		})
	}
}

// warmed is config with connections that are kept ready.
func warmed(generation uint64, port uint32, n uint32, to ...*pushv1.Endpoint) *pushv1.Update {
	u := config(generation, "a", port, to[0])
	u.Pools[0].Endpoints = to
	u.Pools[0].Settings = &pushv1.PoolSettings{MinConnections: n}
	return u
}

// shelf is what metrics say of the connections that are ready, and of those used.
func (r *running) shelf(t *testing.T, port uint32, ready, used int) {
	t.Helper()
	labels := fmt.Sprintf(`{arm="a",listener="tcp/%d",route="ns/a"}`, port)
	r.shows(t, "/metrics", fmt.Sprintf("wye_proxy_warm_connections%s %d\n", labels, ready))
	r.shows(t, "/metrics", fmt.Sprintf("wye_proxy_warm_connections_used_total%s %d\n", labels, used))
}

func TestConnectionsAreKeptReady(t *testing.T) {
	onBothPlanes(t, func(t *testing.T, w *world) {
		r := w.run(t)
		one, two, port := newGreeter(t, "one"), newGreeter(t, "two"), uint32(ports.Free(t))
		s := w.Next(t)
		if ack := s.Push(t, warmed(1, port, 3, one.endpoint)); len(ack.GetRefused()) > 0 {
			t.Fatalf("refused: %v", ack)
		}
		one.has(3, 0)
		r.shelf(t, port, 3, 0)

		// A client gets one of them, what the backend has said on it, and another takes its place.
		client := reach(t, port, "one")
		client.works(t)
		one.has(4, 0)
		r.shelf(t, port, 3, 1)

		// Those whose endpoint leaves the pool go; the one in use does not.
		s.Push(t, warmed(2, port, 2, two.endpoint))
		one.has(4, 3)
		two.has(2, 0)
		client.works(t)
		reach(t, port, "two").works(t)
		two.has(3, 0)
		r.shelf(t, port, 2, 2)

		// None are kept any more.
		s.Push(t, config(3, "a", port, two.endpoint))
		two.has(3, 2)
		reach(t, port, "two").works(t)
		two.has(4, 2)

		// And a drain closes them.
		s.Push(t, warmed(4, port, 2, one.endpoint))
		one.has(6, 3)
		client.Close()
		r.drain()
		one.has(6, 6)
	})
}

// TestConnectionsThatTheBackendHasClosedAreNotUsed: nobody gets one, at once or later.
func TestConnectionsThatTheBackendHasClosedAreNotUsed(t *testing.T) {
	onBothPlanes(t, func(t *testing.T, w *world) {
		r := w.run(t)
		one, port := newGreeter(t, "one"), uint32(ports.Free(t))
		w.Next(t).Push(t, warmed(1, port, 3, one.endpoint))
		for n := range 20 {
			r.shows(t, "/metrics", "wye_proxy_warm_connections{")
			one.closeAll()
			c := reach(t, port, "one")
			c.works(t)
			if n%2 == 0 {
				c.Close()
			}
		}
		one.closeAll()
		r.shelf(t, port, 3, r.used(t))
	})
}

// used is the number of ready connections that clients got.
func (r *running) used(t *testing.T) (n int) {
	t.Helper()
	_, text := r.get(t, "/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "wye_proxy_warm_connections_used_total{"); ok {
			_, value, _ = strings.Cut(value, "} ")
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}

// TestEndpointsThatCannotBeReachedDoNotMatter: clients are served beside.
func TestEndpointsThatCannotBeReachedDoNotMatter(t *testing.T) {
	onBothPlanes(t, func(t *testing.T, w *world) {
		r := w.run(t)
		one, port := newGreeter(t, "one"), uint32(ports.Free(t))
		nobody := &pushv1.Endpoint{Address: "127.0.0.1", Port: uint32(ports.Free(t))}
		if ack := w.Next(t).Push(t, warmed(1, port, 2, one.endpoint, nobody)); len(ack.GetRefused()) > 0 {
			t.Fatalf("refused: %v", ack)
		}
		for range 10 {
			reach(t, port, "one").works(t)
		}
		r.shelf(t, port, 2, r.used(t))
	})
}

// TestAPoolThatComesBackIsKeptReadyAgain: at once, and after it was forgotten.
func TestAPoolThatComesBackIsKeptReadyAgain(t *testing.T) {
	onBothPlanes(t, func(t *testing.T, w *world) {
		w.run(t)
		one, two, port := newGreeter(t, "one"), newGreeter(t, "two"), uint32(ports.Free(t))
		s := w.Next(t)
		other := func(generation uint64) *pushv1.Update { return config(generation, "b", port, two.endpoint) }
		s.Push(t, warmed(1, port, 2, one.endpoint))
		one.has(2, 0)
		s.Push(t, other(2))
		one.has(2, 2)
		s.Push(t, warmed(3, port, 2, one.endpoint))
		one.has(4, 2)
		s.Push(t, other(4))
		one.has(4, 4)
		s.Push(t, other(5))
		s.Push(t, warmed(6, port, 2, one.endpoint))
		one.has(6, 4)
	})
}
