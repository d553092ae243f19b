// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/portable"
	"github.com/wye-dev/wye/test/ports"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// proxy is a Set with what it serves.
type proxy struct {
	t        *testing.T
	set      *listener.Set
	builder  plan.Builder
	plan     *plan.Plan
	registry *prometheus.Registry
	port     uint16
}

func start(t *testing.T, plane plane, opts listener.Options) *proxy {
	t.Helper()
	p := &proxy{t: t, registry: prometheus.NewRegistry(), port: uint16(ports.Free(t))}
	opts.Address = loopback()
	opts.Metrics = metrics.New(p.registry)
	opts.RetryEvery = 20 * time.Millisecond
	p.set = listener.NewSet(plane(t, opts.Log, opts.Metrics), opts)
	t.Cleanup(func() { drainAtOnce(t, p.set) })
	return p
}

// drainAtOnce ends all connections, and returns how many.
func drainAtOnce(t *testing.T, set *listener.Set) (ended int) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cancel()
	return set.Drain(ctx)
}

// plane is a data plane under test.
type plane func(t *testing.T, log *slog.Logger, m *metrics.Metrics) listener.Driver

// onEveryPlane runs a test over each.
func onEveryPlane(t *testing.T, test func(t *testing.T, plane plane)) {
	t.Helper()
	for name, plane := range planes() {
		t.Run(name, func(t *testing.T) { test(t, plane) })
	}
}

func goroutines(_ *testing.T, log *slog.Logger, m *metrics.Metrics) listener.Driver {
	return portable.New(portable.Options{Log: log, Metrics: m})
}

// install serves the tree on the proxy's port and wants no refusals.
func (p *proxy) install(tree *pushv1.Tree, pools ...*pushv1.Pool) {
	p.t.Helper()
	if refused := p.try(p.config(tree, pools...)); len(refused) > 0 {
		p.t.Fatalf("refused %v", refused)
	}
}

func (p *proxy) config(tree *pushv1.Tree, pools ...*pushv1.Pool) *pushv1.Config {
	return &pushv1.Config{
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: uint32(p.port)}},
		Routes:    []*pushv1.Route{{Name: "ns/route", Listener: "tcp/1", Tree: tree}},
		Pools:     pools,
	}
}

func (p *proxy) try(config *pushv1.Config) []*pushv1.Refusal {
	next, refused := p.builder.Build(config, p.plan)
	p.plan = next
	return slices.Concat(refused, p.set.Install(next))
}

func (p *proxy) dial() *net.TCPConn {
	p.t.Helper()
	conn, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(netip.AddrPortFrom(loopback(), p.port)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// ask connects and returns the name of the server that answers.
func (p *proxy) ask() (*net.TCPConn, string) {
	p.t.Helper()
	conn := p.dial()
	return conn, p.hear(conn)
}

func (p *proxy) hear(conn *net.TCPConn) string {
	p.t.Helper()
	name := make([]byte, 1)
	if _, err := io.ReadFull(conn, name); err != nil {
		p.t.Fatalf("no answer: %v", err)
	}
	return string(name)
}

// wantReset connects and wants to be reset, be it before connecting has returned.
func (p *proxy) wantReset() {
	p.t.Helper()
	conn, err := net.Dial("tcp", netip.AddrPortFrom(loopback(), p.port).String())
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		p.t.Errorf("the client saw %v, want a reset", err)
	}
}

// wantRefused waits until the kernel refuses connections to the port.
func (p *proxy) wantRefused() {
	p.t.Helper()
	dialer := net.Dialer{Timeout: 100 * time.Millisecond} // less than the kernel waits to try again
	eventually(p.t, "the port is closed", func() bool {
		late, err := dialer.Dial("tcp", netip.AddrPortFrom(loopback(), p.port).String())
		if err == nil {
			late.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
}

// value of a metric whose labels include all of those given; their sum if there
// are several series.
func (p *proxy) value(name string, labels map[string]string) float64 {
	p.t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		p.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if matches(m, labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func matches(m *dto.Metric, labels map[string]string) bool {
	found := 0
	for _, l := range m.GetLabel() {
		if want, ok := labels[l.GetName()]; ok && want == l.GetValue() {
			found++
		}
	}
	return found == len(labels)
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

// blackHole is an endpoint that does not answer: a socket that accepts nobody, and
// whose queue is full.
func blackHole(t *testing.T) *pushv1.Endpoint {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback().As4()}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(loopback(), uint16(name.(*unix.SockaddrInet4).Port))
	dialer := net.Dialer{Timeout: 100 * time.Millisecond}
	for range 16 {
		conn, err := dialer.Dial("tcp", to.String())
		if err != nil {
			return endpoint(to)
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue does not fill up")
	return nil
}

// server is a backend that says its name, one letter, to whoever connects, and
// then sends everything back.
func server(t *testing.T, name string) *pushv1.Endpoint {
	t.Helper()
	return accepting(t, func(conn *net.TCPConn) {
		if _, err := conn.Write([]byte(name)); err != nil {
			return
		}
		_, _ = io.Copy(conn, conn)
	})
}

// accepting is an endpoint that does something with each connection, and closes it.
func accepting(t *testing.T, do func(*net.TCPConn)) *pushv1.Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			go func() {
				defer conn.Close()
				do(conn.(*net.TCPConn))
			}()
		}
	}()
	return endpoint(l.Addr().(*net.TCPAddr).AddrPort())
}

// closed is an endpoint that refuses connections.
func closed(t *testing.T) *pushv1.Endpoint {
	t.Helper()
	return endpoint(netip.AddrPortFrom(loopback(), uint16(ports.Free(t))))
}

func endpoint(addr netip.AddrPort) *pushv1.Endpoint {
	return &pushv1.Endpoint{Address: addr.Addr().String(), Port: uint32(addr.Port())}
}

func pool(name string, endpoints ...*pushv1.Endpoint) *pushv1.Pool {
	return &pushv1.Pool{Name: name, Endpoints: endpoints}
}

func leaf(name string) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: name, Pool: name}}}
}

func fail() *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Fail{Fail: &pushv1.Fail{}}}
}

// split is a union of two leaves.
func split(weightA float64, a string, weightB float64, b string) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: &pushv1.Union{Trees: []*pushv1.Weighted{
		{Weight: weightA, Tree: leaf(a)},
		{Weight: weightB, Tree: leaf(b)},
	}}}}
}

// armA are the labels of the arm a of the route that tests serve.
func armA() map[string]string {
	return map[string]string{"listener": "tcp/1", "route": "ns/route", "arm": "a"}
}

func outcome(arm, name string) map[string]string {
	return map[string]string{"arm": arm, "outcome": name}
}

func describe(refused []*pushv1.Refusal) string {
	text := ""
	for _, r := range refused {
		text += fmt.Sprintf("%s %s %s: %s\n", r.GetResource().GetKind(), r.GetResource().GetName(), r.GetReason(), r.GetMessage())
	}
	return text
}
