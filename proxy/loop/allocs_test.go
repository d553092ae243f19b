// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && !race

// The race detector allocates for its own ends.

package loop_test

import (
	"context"
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/loop"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/test/ports"
)

// relaying is a proxy of one loop before one listening socket. Clients and backend
// are bare sockets, so that whatever is allocated is allocated by the proxy.
type relaying struct {
	t       testing.TB
	proxy   unix.SockaddrInet4
	backend int // listens
}

func serve(t testing.TB) *relaying {
	t.Helper()
	return serveBy(t, plan.Builder{}, nil)
}

// serveBy reaches the backend by settings.
func serveBy(t testing.TB, builder plan.Builder, settings *pushv1.PoolSettings) *relaying {
	t.Helper()
	counted := metrics.New(nil)
	d, err := loop.New(loop.Options{Loops: 1, Metrics: counted})
	if err != nil {
		t.Fatal(err)
	}
	r := &relaying{t: t, backend: bareSocket(t)}
	to := unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	r.must(unix.Bind(r.backend, &to))
	r.must(unix.Listen(r.backend, 128))
	local := netip.MustParseAddr("127.0.0.1")
	port := uint16(ports.Free(t))
	next, refused := builder.Build(&pushv1.Config{
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: uint32(port)}},
		Routes: []*pushv1.Route{{
			Name: "ns/r", Listener: "tcp/1",
			Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: "a", Pool: "a"}}},
		}},
		Pools: []*pushv1.Pool{{
			Name: "a", Settings: settings,
			Endpoints: []*pushv1.Endpoint{{Address: local.String(), Port: uint32(r.port(r.backend))}},
		}},
	}, nil)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	set := listener.NewSet(d, listener.Options{Address: local, Metrics: counted})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		cancel()
		set.Drain(ctx)
	})
	if refused := set.Install(next); len(refused) > 0 {
		t.Fatal(refused)
	}
	r.proxy = unix.SockaddrInet4{Addr: local.As4(), Port: int(port)}
	return r
}

func bareSocket(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func (r *relaying) must(err error) {
	if err != nil {
		r.t.Helper()
		r.t.Fatal(err)
	}
}

func (r *relaying) port(fd int) int {
	name, err := unix.Getsockname(fd)
	r.must(err)
	return name.(*unix.SockaddrInet4).Port
}

// connect returns both ends of a connection through the proxy.
func (r *relaying) connect() (client, backend int) {
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	r.must(err)
	r.must(unix.Connect(client, &r.proxy))
	backend, _, err = unix.Accept4(r.backend, unix.SOCK_CLOEXEC)
	r.must(err)
	return client, backend
}

// pass sends b and receives it, into b.
func (r *relaying) pass(from, to int, b []byte) {
	_, err := unix.Write(from, b)
	r.must(err)
	for n := 0; n < len(b); {
		m, err := unix.Read(to, b[n:])
		r.must(err)
		if m == 0 {
			r.t.Fatal("the connection has ended")
		}
		n += m
	}
}

func (r *relaying) close(client, backend int) {
	r.must(unix.Close(client))
	var b [1]byte
	n, err := unix.Read(backend, b[:])
	if r.must(err); n != 0 {
		r.t.Fatal("bytes in place of the end")
	}
	r.must(unix.Close(backend))
}

// mallocs is how many objects the whole process allocates while f runs.
func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

func TestARelayedMessageAllocatesNothing(t *testing.T) {
	r := serve(t)
	client, backend := r.connect()
	defer r.close(client, backend)
	message := make([]byte, 1024)
	const messages = 2000
	exchange := func() {
		for range messages {
			r.pass(client, backend, message)
			r.pass(backend, client, message)
		}
	}
	exchange()
	// The runtime itself allocates now and then, and the test a little.
	if n := mallocs(exchange); n > messages/4 {
		t.Errorf("%d objects for %d messages each way", n, messages)
	}
}

// TestAConnectionAllocatesNothing: once a loop has had as many connections, another
// one needs no memory. The test itself allocates two objects for each, in accept.
func TestAConnectionAllocatesNothing(t *testing.T) {
	const connections, each = 500, 2
	r := serve(t)
	message := make([]byte, 8)
	open := func() {
		for range connections {
			client, backend := r.connect()
			r.pass(client, backend, message)
			r.close(client, backend)
		}
	}
	open()
	if n := mallocs(open); n > connections*each+connections/4 {
		t.Errorf("%.2f objects for a connection, want %d, which are the test's", float64(n)/connections, each)
	}
}

// BenchmarkMessages is a message of 1 KiB and its answer.
func BenchmarkMessages(b *testing.B) {
	r := serve(b)
	client, backend := r.connect()
	defer r.close(client, backend)
	message := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		r.pass(client, backend, message)
		r.pass(backend, client, message)
	}
}

// BenchmarkConnections is a connection with one message.
func BenchmarkConnections(b *testing.B) {
	r := serve(b)
	message := make([]byte, 8)
	b.ReportAllocs()
	for b.Loop() {
		client, backend := r.connect()
		r.pass(client, backend, message)
		r.close(client, backend)
	}
}
