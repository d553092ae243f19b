// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/test/ports"
)

// moved is a proxy whose connections are migrated by the test's clock.
type moved struct {
	*proxy
	metrics *metrics.Metrics
	driver  listener.Driver
	mover   *migration.Mover
	now     time.Time
	ended   int // connections that the mover has had end
}

func startMoved(t *testing.T, plane plane) *moved {
	t.Helper()
	m := &moved{proxy: &proxy{t: t, registry: prometheus.NewRegistry(), port: uint16(ports.Free(t))}, now: time.Unix(1000, 0)}
	m.metrics = metrics.New(m.registry)
	driver := plane(t, nil, m.metrics)
	m.set = listener.NewSet(driver, listener.Options{Address: loopback()}) // without metrics it moves nothing
	t.Cleanup(func() { drainAtOnce(t, m.set) })
	m.mover = migration.New(m.metrics, m, nil)
	m.driver = driver
	return m
}

// Established is the driver's, and counts.
func (m *moved) Established(arms []*metrics.Arm, most int, quietest bool) []migration.Connection {
	conns := m.driver.Established(arms, most, quietest)
	m.ended += len(conns)
	return conns
}

// shift puts a form of the route in force.
func (m *moved) shift(how *pushv1.Migration, tree *pushv1.Tree, pools ...*pushv1.Pool) {
	m.t.Helper()
	config := m.config(tree, pools...)
	config.Routes[0].Migration = how
	next, refused := plan.Build(config, m.plan)
	if len(refused) > 0 {
		m.t.Fatal(describe(refused))
	}
	m.plan = next
	m.metrics.Install(next)
	m.set.Install(next)
	m.mover.Follow(next)
	m.mover.Tick(m.now)
}

func (m *moved) pass(d time.Duration) {
	for range d / (100 * time.Millisecond) {
		m.now = m.now.Add(100 * time.Millisecond)
		m.mover.Tick(m.now)
		m.wantMigrated(m.ended)
	}
}

// crowd opens n connections, all of which must be answered by a server.
func (m *moved) crowd(n int, server string) []*net.TCPConn {
	m.t.Helper()
	conns := make([]*net.TCPConn, n)
	for i := range conns {
		conn, name := m.ask()
		if name != server {
			m.t.Fatalf("answered by %s, want %s", name, server)
		}
		conns[i] = conn
	}
	eventually(m.t, "the answers are counted", func() bool {
		return m.value("wye_proxy_sent_bytes_total", map[string]string{"arm": server}) >= float64(n)
	})
	return conns
}

// wantMigrated waits until so many connections of the arm a were migrated.
func (m *moved) wantMigrated(n int) {
	m.t.Helper()
	eventually(m.t, "connections are migrated", func() bool {
		return m.value("wye_proxy_connections_closed_total", outcome("a", "migrated")) >= float64(n)
	})
	if closed := m.value("wye_proxy_connections_closed_total", outcome("a", "migrated")); closed != float64(n) {
		m.t.Fatalf("%v connections are migrated, want %d", closed, n)
	}
}

// alive tells which of the connections still answer.
func (m *moved) alive(conns []*net.TCPConn) (alive []bool) {
	m.t.Helper()
	for _, conn := range conns {
		_, err := conn.Write([]byte("x"))
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		alive = append(alive, err == nil)
	}
	return alive
}

func number(alive []bool) (n int) {
	for _, is := range alive {
		if is {
			n++
		}
	}
	return n
}

func TestConnectionsMoveAtTheRate(t *testing.T) { onEveryPlane(t, testConnectionsMoveAtTheRate) }

func testConnectionsMoveAtTheRate(t *testing.T, plane plane) {
	t.Helper()
	m := startMoved(t, plane)
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	m.shift(nil, split(1, "a", 0, "b"), a, b)
	old := m.crowd(40, "a")
	how := &pushv1.Migration{PerSecond: 10}
	m.shift(how, split(0, "a", 1, "b"), a, b)
	fresh := m.crowd(20, "b")
	if stale := m.value("wye_proxy_stale_connections", armA()); stale != 40 {
		t.Errorf("%v connections are stale, want 40", stale)
	}
	m.pass(time.Second)
	m.wantMigrated(10)
	m.shift(how, leaf("b"), b) // the arm leaves the route altogether
	m.pass(time.Second)
	m.wantMigrated(20)
	if n := number(m.alive(old)); n != 20 {
		t.Errorf("%d of the old connections answer, want 20", n)
	}

	m.shift(how, split(1, "a", 1, "b"), a, b) // and comes back
	m.pass(10 * time.Second)
	m.wantMigrated(20)
	if stale := m.value("wye_proxy_stale_connections", nil); stale != 0 {
		t.Errorf("%v connections are stale", stale)
	}

	m.shift(how, split(0, "a", 1, "b"), a, b)
	m.pass(10 * time.Second)
	m.wantMigrated(40)
	if n := number(m.alive(fresh)); n != len(fresh) {
		t.Errorf("%d connections of the other arm answer, want all %d", n, len(fresh))
	}
}

func TestConnectionsMoveUntilTheDeadline(t *testing.T) {
	onEveryPlane(t, testConnectionsMoveUntilTheDeadline)
}

func testConnectionsMoveUntilTheDeadline(t *testing.T, plane plane) {
	t.Helper()
	m := startMoved(t, plane)
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	m.shift(nil, leaf("a"), a)
	m.crowd(30, "a")
	m.shift(&pushv1.Migration{Deadline: durationpb.New(10 * time.Second)}, split(0, "a", 1, "b"), a, b)
	fresh := m.crowd(5, "b")
	for second := range 10 {
		m.pass(time.Second)
		if want := 3 * (second + 1); m.ended < want-2 || m.ended > want+2 {
			t.Errorf("%d are migrated after %d of 10 seconds, want %d", m.ended, second+1, want)
		}
	}
	m.wantMigrated(30)
	if n := number(m.alive(fresh)); n != len(fresh) {
		t.Errorf("%d connections of the other arm answer, want all %d", n, len(fresh))
	}
}

func TestConnectionsThatAreQuietMoveFirst(t *testing.T) {
	onEveryPlane(t, testConnectionsThatAreQuietMoveFirst)
}

func testConnectionsThatAreQuietMoveFirst(t *testing.T, plane plane) {
	t.Helper()
	m := startMoved(t, plane)
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	m.shift(nil, leaf("a"), a)
	conns := m.crowd(30, "a")
	// The first ten say something after all others.
	if n := number(m.alive(conns[:10])); n != 10 {
		t.Fatalf("%d answer", n)
	}
	eventually(t, "it is counted", func() bool { return m.value("wye_proxy_sent_bytes_total", armA()) == 40 })
	m.shift(&pushv1.Migration{PerSecond: 20, IdleFirst: true}, leaf("b"), b)
	m.pass(time.Second)
	m.wantMigrated(20)
	if n := number(m.alive(conns[:10])); n != 10 {
		t.Errorf("%d of those that were not quiet answer, want 10", n)
	}
	if n := number(m.alive(conns[10:])); n != 0 {
		t.Errorf("%d of those that were quiet answer", n)
	}
}

// TestASetMovesConnectionsByItself, by the real clock: until none is left.
func TestASetMovesConnectionsByItself(t *testing.T) {
	onEveryPlane(t, testASetMovesConnectionsByItself)
}

func testASetMovesConnectionsByItself(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	p.install(split(1, "a", 0, "b"), a, b)
	for range 50 {
		p.ask()
	}
	config := p.config(split(0, "a", 1, "b"), a, b)
	config.Routes[0].Migration = &pushv1.Migration{PerSecond: 500}
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	fresh, _ := p.ask()
	eventually(t, "all are migrated", func() bool {
		return p.value("wye_proxy_connections_closed_total", outcome("a", "migrated")) == 50
	})
	if _, err := fresh.Write([]byte("x")); err != nil || p.hear(fresh) != "x" {
		t.Errorf("the other arm's connection: %v", err)
	}
	if active := p.value("wye_proxy_connections_active", map[string]string{"arm": "b"}); active != 1 {
		t.Errorf("%v connections active on the other arm, want 1", active)
	}
}

// TestADrainDoesNotWaitForAMigration that goes on for hours.
func TestADrainDoesNotWaitForAMigration(t *testing.T) {
	onEveryPlane(t, testADrainDoesNotWaitForAMigration)
}

func testADrainDoesNotWaitForAMigration(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	p.install(leaf("a"), a)
	for range 10 {
		p.ask()
	}
	config := p.config(leaf("b"), b)
	config.Routes[0].Migration = &pushv1.Migration{PerSecond: 0.001}
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	if ended := drainAtOnce(t, p.set); ended < 9 {
		t.Errorf("the drain ended %d connections", ended)
	}
}

// TestAMigratedConnectionEndsAsADrainEndsIt: in order where nothing moves, and with a
// reset in the middle of a stream.
func TestAMigratedConnectionEndsAsADrainEndsIt(t *testing.T) {
	onEveryPlane(t, testAMigratedConnectionEndsAsADrainEndsIt)
}

func testAMigratedConnectionEndsAsADrainEndsIt(t *testing.T, plane plane) {
	t.Helper()
	m := startMoved(t, plane)
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	m.shift(nil, split(1, "a", 0, "b"), a, b)
	conns := m.crowd(2, "a")
	heard := time.Now()
	atRest, busy := conns[0], conns[1]
	_ = busy.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for { // what it sends comes back, and is not read
		if _, err := busy.Write(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	eventually(t, "a second is over", func() bool { return time.Since(heard) > 1100*time.Millisecond })
	m.shift(&pushv1.Migration{}, split(0, "a", 1, "b"), a, b) // at once
	m.wantMigrated(2)
	if n, err := atRest.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the client at rest reads %d bytes, %v; want its end", n, err)
	}
	if _, err := io.Copy(io.Discard, busy); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client in the middle of a stream reads %v, want a reset", err)
	}
}

// TestAStickySplitGoesByWhatAHeaderSays of the client, where a PROXY header is trusted.
func TestAStickySplitGoesByWhatAHeaderSays(t *testing.T) {
	onEveryPlane(t, testAStickySplitGoesByWhatAHeaderSays)
}

func testAStickySplitGoesByWhatAHeaderSays(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	config := p.config(split(1, "a", 1, "b"), pool("a", server(t, "a")), pool("b", server(t, "b")))
	config.Routes[0].Splitting = pushv1.Splitting_SPLITTING_STICKY
	config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	chooser := p.plan.Routes["ns/route"].Chooser
	seen := map[string]bool{}
	for last := range byte(20) {
		client := netip.AddrFrom4([4]byte{192, 0, 2, last})
		conn := p.dial()
		if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 192.0.2.250 1234 80\r\n", client); err != nil {
			t.Fatal(err)
		}
		want, got := chooser.Arms()[chooser.Next(client)].Arm, p.hear(conn)
		if seen[got] = true; got != want {
			t.Errorf("%s is sent to %s, want %s", client, got, want)
		}
	}
	if len(seen) != 2 {
		t.Errorf("all clients are sent to %v", seen)
	}
}
