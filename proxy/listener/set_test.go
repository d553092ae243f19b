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
	"strings"
	"syscall"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/test/ports"
)

func TestAPortInUseIsRefusedAndHealsByItself(t *testing.T) {
	onEveryPlane(t, testAPortInUseIsRefusedAndHealsByItself)
}

func testAPortInUseIsRefusedAndHealsByItself(t *testing.T, plane plane) {
	t.Helper()
	told := make(chan []*pushv1.Refusal, 1)
	p := start(t, plane, listener.Options{OnRefusals: func(all []*pushv1.Refusal) { told <- all }})
	squatter, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p.port = uint16(squatter.Addr().(*net.TCPAddr).Port)
	config := p.config(leaf("a"), pool("a", server(t, "a")))
	good := &proxy{t: t, port: uint16(ports.Free(t))}
	config.Listeners = append(config.Listeners, &pushv1.Listener{Name: "tcp/2", Port: uint32(good.port)})
	config.Routes = append(config.Routes, &pushv1.Route{Name: "ns/good", Listener: "tcp/2", Tree: leaf("a")})

	refused := p.try(config)
	if len(refused) != 1 || refused[0].GetReason() != pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE ||
		refused[0].GetResource().GetName() != "tcp/1" || !strings.Contains(refused[0].GetMessage(), "address already in use") {
		t.Fatalf("refused %s, want PORT_UNAVAILABLE of tcp/1 in the system's words", describe(refused))
	}
	if got := describe(p.set.Refusals()); got != describe(refused) {
		t.Errorf("refusals in force are %s, want %s", got, describe(refused))
	}
	if _, name := good.ask(); name != "a" { // everything else serves
		t.Errorf("answered by %s", name)
	}

	squatter.Close()
	select {
	case all := <-told:
		if len(all) != 0 {
			t.Errorf("told of %s, want none", describe(all))
		}
	case <-time.After(patience):
		t.Fatal("a port that became free was not taken")
	}
	if _, name := p.ask(); name != "a" {
		t.Errorf("answered by %s", name)
	}
}

// TestTheFirstConnectionIsServed: clients that wait for the port to open meet the
// route, not the moment before it.
func TestTheFirstConnectionIsServed(t *testing.T) { onEveryPlane(t, testTheFirstConnectionIsServed) }

func testTheFirstConnectionIsServed(t *testing.T, plane plane) {
	t.Helper()
	a := pool("a", server(t, "a"))
	for range 50 {
		p := start(t, plane, listener.Options{})
		first := make(chan error, 1)
		address := netip.AddrPortFrom(loopback(), p.port).String()
		go func() {
			for {
				conn, err := net.Dial("tcp", address)
				if errors.Is(err, syscall.ECONNREFUSED) {
					continue
				}
				if err == nil {
					_ = conn.SetDeadline(time.Now().Add(patience))
					_, err = io.ReadFull(conn, make([]byte, 1))
					conn.Close()
				}
				first <- err
				return
			}
		}()
		p.install(leaf("a"), a)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnInstallTriesAPortAgain(t *testing.T) { onEveryPlane(t, testAnInstallTriesAPortAgain) }

func testAnInstallTriesAPortAgain(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	squatter, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p.port = uint16(squatter.Addr().(*net.TCPAddr).Port)
	config := p.config(leaf("a"), pool("a", server(t, "a")))
	if refused := p.try(config); len(refused) != 1 {
		t.Fatalf("refused %s, want the port", describe(refused))
	}
	squatter.Close()
	if refused := p.try(config); len(refused) != 0 {
		t.Fatalf("refused %s, want the port to be taken", describe(refused))
	}
	if _, name := p.ask(); name != "a" {
		t.Errorf("answered by %s", name)
	}
}

func TestAListenerHasItsOwnAddress(t *testing.T) { onEveryPlane(t, testAListenerHasItsOwnAddress) }

func testAListenerHasItsOwnAddress(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	config := p.config(leaf("a"), pool("a", server(t, "a")), pool("b", server(t, "b")))
	config.Listeners[0].Address = "0.0.0.0" // IPv4 only
	config.Listeners = append(config.Listeners, &pushv1.Listener{Name: "tcp/2", Port: uint32(p.port), Address: "127.0.0.2"})
	config.Routes = append(config.Routes, &pushv1.Route{Name: "ns/b", Listener: "tcp/2", Tree: leaf("b")})
	if refused := p.try(config); len(refused) > 0 {
		t.Fatalf("refused %s", describe(refused))
	}
	if _, name := p.ask(); name != "a" {
		t.Errorf("127.0.0.1 answered by %s, want a", name)
	}
	conn, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), p.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if name := p.hear(conn); name != "b" {
		t.Errorf("127.0.0.2 answered by %s, want b", name)
	}
	if conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.IPv6Loopback(), p.port).String()); err == nil {
		conn.Close()
		t.Error("0.0.0.0 is open to IPv6")
	}

	config.Listeners[0].Address = "127.0.0.3" // moves
	if refused := p.try(config); len(refused) > 0 {
		t.Fatalf("refused %s", describe(refused))
	}
	p.wantRefused()
}

func TestConnectionsAboveTheLimitWait(t *testing.T) {
	onEveryPlane(t, testConnectionsAboveTheLimitWait)
}

func testConnectionsAboveTheLimitWait(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	config := p.config(leaf("a"), pool("a", server(t, "a")))
	config.Listeners[0].MaxConnections = 2
	if refused := p.try(config); len(refused) > 0 {
		t.Fatalf("refused %s", describe(refused))
	}
	first, _ := p.ask()
	p.ask()
	third, fourth := p.dial(), p.dial()
	_ = third.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := third.Read(make([]byte, 1)); err == nil || p.set.Active() != 2 {
		t.Fatalf("the third of two connections got %d bytes; %d are active", n, p.set.Active())
	}
	first.Close()
	_ = third.SetReadDeadline(time.Now().Add(patience))
	if name := p.hear(third); name != "a" {
		t.Errorf("answered by %s", name)
	}

	// Whoever waits when the listener goes is let in all the same.
	if refused := p.try(&pushv1.Config{}); len(refused) > 0 {
		t.Fatalf("refused %s", describe(refused))
	}
	if name := p.hear(fourth); name != "a" {
		t.Errorf("answered by %s", name)
	}
	p.wantRefused()
}

func TestSeveralProxiesShareAPort(t *testing.T) { onEveryPlane(t, testSeveralProxiesShareAPort) }

func testSeveralProxiesShareAPort(t *testing.T, plane plane) {
	t.Helper()
	shared := listener.Options{Shared: true}
	p, q, third := start(t, plane, shared), start(t, plane, shared), start(t, plane, listener.Options{})
	q.port, third.port = p.port, p.port
	p.install(leaf("a"), pool("a", server(t, "a")))
	q.install(leaf("a"), pool("a", server(t, "a")))
	if refused := third.try(third.config(leaf("a"), pool("a"))); len(refused) != 1 {
		t.Errorf("one that does not share the port has it too; refused %s", describe(refused))
	}
}

func TestNobodyElseHasAPort(t *testing.T) { onEveryPlane(t, testNobodyElseHasAPort) }

func testNobodyElseHasAPort(t *testing.T, plane plane) {
	t.Helper()
	p, sharing, other := start(t, plane, listener.Options{}), start(t, plane, listener.Options{Shared: true}), start(t, plane, listener.Options{})
	sharing.port, other.port = p.port, p.port
	a := pool("a", server(t, "a"))
	p.install(leaf("a"), a)
	if refused := sharing.try(sharing.config(leaf("a"), a)); len(refused) != 1 {
		t.Errorf("one that would share it: refused %s, want the port", describe(refused))
	}
	p.try(&pushv1.Config{})
	p.install(leaf("a"), a)       // again, while the one before closes
	sharing.try(&pushv1.Config{}) // it does not wait for the port any more
	if refused := other.try(other.config(leaf("a"), a)); len(refused) != 1 {
		t.Errorf("another one: refused %s, want the port", describe(refused))
	}
}

// TestAPortThatChangesItsLimitKeepsItsSocket: whoever waits to be accepted is.
func TestAPortThatChangesItsLimitKeepsItsSocket(t *testing.T) {
	onEveryPlane(t, testAPortThatChangesItsLimitKeepsItsSocket)
}

func testAPortThatChangesItsLimitKeepsItsSocket(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	config := p.config(leaf("a"), pool("a", server(t, "a")))
	p.try(config)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range uint32(50) {
			config.Listeners[0].MaxConnections = 100 + i
			config.Listeners[0].Name = fmt.Sprintf("tcp/%d", i%2+1)
			config.Routes[0].Listener = config.Listeners[0].Name
			if refused := p.try(config); len(refused) > 0 {
				t.Errorf("refused %s", describe(refused))
			}
		}
	}()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		conn, _ := p.ask()
		conn.Close()
	}
}

func TestAListenerThatIsRemovedEndsNoConnection(t *testing.T) {
	onEveryPlane(t, testAListenerThatIsRemovedEndsNoConnection)
}

func testAListenerThatIsRemovedEndsNoConnection(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.install(leaf("a"), pool("a", server(t, "a")))
	conn, _ := p.ask()
	if refused := p.try(&pushv1.Config{}); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	p.wantRefused()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := p.hear(conn); got != "x" {
		t.Errorf("the established connection answers %q", got)
	}
	// And it comes back.
	p.install(leaf("a"), pool("a", server(t, "b")))
	if _, name := p.ask(); name != "b" {
		t.Errorf("answered by %s", name)
	}
}

func TestAListenerMayChangeItsPort(t *testing.T) { onEveryPlane(t, testAListenerMayChangeItsPort) }

func testAListenerMayChangeItsPort(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	a := pool("a", server(t, "a"))
	p.install(leaf("a"), a)
	p.port = uint16(ports.Free(t))
	p.install(leaf("a"), a)
	if _, name := p.ask(); name != "a" {
		t.Errorf("answered by %s", name)
	}
}

func TestDrainWaitsForConnections(t *testing.T) { onEveryPlane(t, testDrainWaitsForConnections) }

func testDrainWaitsForConnections(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.install(leaf("a"), pool("a", server(t, "a")))
	conn, _ := p.ask()
	drained := make(chan int, 1)
	go func() { drained <- p.set.Drain(t.Context()) }()
	p.wantRefused()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := p.hear(conn); got != "x" {
		t.Errorf("a connection answers %q while draining", got)
	}
	if n := p.set.Active(); n != 1 {
		t.Errorf("%d active connections, want 1", n)
	}
	conn.Close()
	select {
	case ended := <-drained:
		if ended != 0 {
			t.Errorf("ended %d connections, want none", ended)
		}
	case <-time.After(patience):
		t.Fatal("still draining")
	}
}

func TestTheDrainDeadlineEndsWhatIsLeft(t *testing.T) {
	onEveryPlane(t, testTheDrainDeadlineEndsWhatIsLeft)
}

func testTheDrainDeadlineEndsWhatIsLeft(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.install(leaf("a"), pool("a", server(t, "a")))
	conns := make([]*net.TCPConn, 10)
	for i := range conns {
		conns[i], _ = p.ask()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if ended := p.set.Drain(ctx); ended != len(conns) {
		t.Errorf("ended %d connections, want %d", ended, len(conns))
	}
	for _, conn := range conns {
		if _, err := io.ReadAll(conn); errors.Is(err, context.DeadlineExceeded) {
			t.Error("a connection is still open")
		}
	}
	if n := p.set.Active(); n != 0 {
		t.Errorf("%d connections active after the drain", n)
	}
	if got := p.value("wye_proxy_connections_closed_total", outcome("a", "drain_deadline")); got != 10 {
		t.Errorf("%v connections counted as ended by the drain deadline, want 10", got)
	}
}

// TestWhoeverHasConnectedIsServedDuringADrain connects as fast as it can while the
// port closes: a connection is either refused by the kernel or served.
func TestWhoeverHasConnectedIsServedDuringADrain(t *testing.T) {
	onEveryPlane(t, testWhoeverHasConnectedIsServedDuringADrain)
}

func testWhoeverHasConnectedIsServedDuringADrain(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.install(leaf("a"), pool("a", server(t, "a")))
	address := p.dial().RemoteAddr().String()
	began := make(chan struct{})
	go func() {
		<-began
		p.set.Drain(t.Context())
	}()
	for i := 0; ; i++ {
		dialer := net.Dialer{Timeout: 900 * time.Millisecond} // less than the kernel waits to try again
		conn, err := dialer.Dial("tcp", address)
		if i == 20 {
			close(began)
		}
		if err != nil {
			if i < 20 {
				t.Fatal(err)
			}
			break
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = io.ReadFull(conn, make([]byte, 1))
		conn.Close()
		if err != nil {
			t.Fatalf("connection %d was let in and not served: %v", i, err)
		}
	}
}

func TestALackOfDescriptorsEndsNoListener(t *testing.T) {
	onEveryPlane(t, testALackOfDescriptorsEndsNoListener)
}

func testALackOfDescriptorsEndsNoListener(t *testing.T, plane plane) {
	t.Helper()
	var log lockedBuilder
	p := start(t, plane, listener.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	p.install(leaf("a"), pool("a", server(t, "a")))
	p.ask()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	raw, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(raw)
	none := limit
	none.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	connected := syscall.Connect(raw, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(p.port)})
	eventually(t, "accepting is given a try", func() bool { return strings.Contains(log.String(), "too many open files") })
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if connected != nil {
		t.Fatal(connected)
	}
	eventually(t, "the connection that waited is served", func() bool { return p.set.Active() == 2 })
}
