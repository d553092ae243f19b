// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
)

// TestAShiftClosesNothing is the main job: from all on one arm to all on the
// other, with a thousand connections established.
func TestAShiftClosesNothing(t *testing.T) { onEveryPlane(t, testAShiftClosesNothing) }

func testAShiftClosesNothing(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	p.install(split(100, "a", 0, "b"), a, b)
	const idle = 1000
	established := make([]*net.TCPConn, idle)
	for i := range established {
		conn, name := p.ask()
		if name != "a" {
			t.Fatalf("connection %d went to %s", i, name)
		}
		established[i] = conn
	}

	p.install(split(0, "a", 100, "b"), a, b)
	for i := range 200 {
		if _, name := p.ask(); name != "b" {
			t.Fatalf("after the shift, connection %d went to %s", i, name)
		}
	}
	for i, conn := range established {
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatalf("established connection %d: %v", i, err)
		}
		if got := p.hear(conn); got != "x" {
			t.Fatalf("established connection %d answers %q", i, got)
		}
	}
	if active := p.value("wye_proxy_connections_active", armA()); active != idle {
		t.Errorf("%v connections active on the old arm, want %d", active, idle)
	}
	if lost := p.value("wye_proxy_connections_closed_total", map[string]string{"arm": "a"}); lost != 0 {
		t.Errorf("%v connections were closed", lost)
	}
}

func TestSharesAreExactOverSockets(t *testing.T) { onEveryPlane(t, testSharesAreExactOverSockets) }

func testSharesAreExactOverSockets(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	counts := map[string]int{}
	for _, weights := range [][2]float64{{99, 1}, {3, 1}, {1, 1}} {
		p.install(split(weights[0], "a", weights[1], "b"), a, b)
		for range 100 {
			conn, name := p.ask()
			conn.Close()
			counts[name]++
		}
	}
	if diff := cmp.Diff(map[string]int{"a": 99 + 75 + 50, "b": 1 + 25 + 50}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestAConnectionWithNowhereToGoIsReset(t *testing.T) {
	onEveryPlane(t, testAConnectionWithNowhereToGoIsReset)
}

func testAConnectionWithNowhereToGoIsReset(t *testing.T, plane plane) {
	t.Helper()
	for _, test := range []struct {
		reason  string
		tree    *pushv1.Tree
		outcome string
		arm     string
	}{
		{"a name that is refused on purpose", fail(), "no_destination", ""},
		{"weights that are all 0", split(0, "a", 0, "b"), "no_destination", ""},
		{"a pool without endpoints", leaf("nobody"), "no_endpoints", "nobody"},
		{"endpoints that refuse", leaf("down"), "connect_failed", "down"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			p := start(t, plane, listener.Options{})
			up := server(t, "a")
			p.install(test.tree, pool("a", up), pool("b", up), pool("nobody"), pool("down", closed(t), closed(t)))
			p.wantReset()
			eventually(t, "the outcome is counted", func() bool {
				return p.value("wye_proxy_connections_closed_total", outcome(test.arm, test.outcome)) == 1
			})
		})
	}
}

func TestAListenerWithoutRouteResets(t *testing.T) { onEveryPlane(t, testAListenerWithoutRouteResets) }

func testAListenerWithoutRouteResets(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	config := p.config(fail())
	config.Routes = nil
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	p.wantReset()
	eventually(t, "the outcome is counted", func() bool {
		return p.value("wye_proxy_connections_closed_total", outcome("", "no_route")) == 1
	})
}

func TestAFailedDialIsRetriedOnAnotherEndpoint(t *testing.T) {
	onEveryPlane(t, testAFailedDialIsRetriedOnAnotherEndpoint)
}

func testAFailedDialIsRetriedOnAnotherEndpoint(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.install(leaf("a"), pool("a", closed(t), server(t, "a"), closed(t)))
	for range 50 {
		if _, name := p.ask(); name != "a" {
			t.Fatalf("answered by %s", name)
		}
	}
	if failed := p.value("wye_proxy_connections_closed_total", armA()); failed != 0 {
		t.Errorf("%v connections failed", failed)
	}
	if retries := p.value("wye_proxy_connect_retries_total", armA()); retries == 0 {
		t.Error("no retry was counted")
	}
	if connected := p.value("wye_proxy_connect_duration_seconds", armA()); connected != 50 {
		t.Errorf("%v connects were timed, want 50", connected)
	}
}

func TestOnUnavailableDecidesTheShareOfADeadArm(t *testing.T) {
	onEveryPlane(t, testOnUnavailableDecidesTheShareOfADeadArm)
}

func testOnUnavailableDecidesTheShareOfADeadArm(t *testing.T, plane plane) {
	t.Helper()
	for _, dead := range []*pushv1.Pool{pool("dead", closed(t)), pool("dead")} {
		p := start(t, plane, listener.Options{})
		pools := []*pushv1.Pool{dead, pool("a", server(t, "a"))}
		address := netip.AddrPortFrom(loopback(), p.port).String()
		count := func() (answered int) {
			for range 20 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					continue
				}
				_ = conn.SetDeadline(time.Now().Add(patience))
				if _, err := io.ReadFull(conn, make([]byte, 1)); err == nil {
					answered++
				}
				conn.Close()
			}
			return answered
		}
		p.install(split(1, "dead", 1, "a"), pools...)
		if got := count(); got != 10 {
			t.Errorf("refusing, %d of 20 connections were answered, want 10", got)
		}
		config := p.config(split(1, "dead", 1, "a"), pools...)
		config.Routes[0].OnUnavailable = pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE
		if refused := p.try(config); len(refused) > 0 {
			t.Fatal(describe(refused))
		}
		if got := count(); got != 20 {
			t.Errorf("redistributing, %d of 20 connections were answered, want all", got)
		}
		if moved := p.value("wye_proxy_connections_closed_total", outcome("dead", "redistributed")); moved != 10 {
			t.Errorf("%v connections counted as redistributed, want 10", moved)
		}
	}
}

func TestABlackHoleLeavesTimeForAnotherArm(t *testing.T) {
	onEveryPlane(t, testABlackHoleLeavesTimeForAnotherArm)
}

func testABlackHoleLeavesTimeForAnotherArm(t *testing.T, plane plane) {
	t.Helper()
	t.Parallel()
	up := server(t, "a")
	p := start(t, plane, listener.Options{})
	config := p.config(split(1, "hole", 1, "a"), pool("hole", blackHole(t)), pool("a", up))
	config.Routes[0].OnUnavailable = pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE
	config.Routes[0].Timeouts = &pushv1.Timeouts{Connect: durationpb.New(4 * time.Second)}
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	if _, name := p.ask(); name != "a" {
		t.Errorf("answered by %s", name)
	}
}

func TestBytesShowWhileAConnectionIsOpen(t *testing.T) {
	onEveryPlane(t, testBytesShowWhileAConnectionIsOpen)
}

func testBytesShowWhileAConnectionIsOpen(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	p.install(leaf("a"), pool("a", server(t, "a")))
	conn, _ := p.ask()
	if _, err := conn.Write([]byte("12345")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "bytes of the open connection are counted", func() bool {
		return p.value("wye_proxy_received_bytes_total", armA()) == 5 && p.value("wye_proxy_sent_bytes_total", armA()) == 6
	})
	if active := p.value("wye_proxy_connections_active", armA()); active != 1 {
		t.Errorf("%v active connections, want 1", active)
	}
}

func TestSeriesOfAnArmThatLeftGoWhenItIsIdle(t *testing.T) {
	onEveryPlane(t, testSeriesOfAnArmThatLeftGoWhenItIsIdle)
}

func testSeriesOfAnArmThatLeftGoWhenItIsIdle(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	a, b := pool("a", server(t, "a")), pool("b", server(t, "b"))
	p.install(leaf("a"), a)
	conn, _ := p.ask()
	p.install(leaf("b"), b)
	if got := p.value("wye_proxy_connections_active", armA()); got != 1 {
		t.Fatalf("%v active connections on the arm that left, want 1", got)
	}
	conn.Close()
	eventually(t, "the series are gone", func() bool {
		return p.value("wye_proxy_connections_accepted_total", armA()) == 0
	})
	if got := p.value("wye_proxy_endpoints", map[string]string{"arm": "b", "state": "available"}); got != 1 {
		t.Errorf("%v endpoints available, want 1", got)
	}
}

func TestEndpointsThatLeftAreRetiredWhileInUse(t *testing.T) {
	onEveryPlane(t, testEndpointsThatLeftAreRetiredWhileInUse)
}

func testEndpointsThatLeftAreRetiredWhileInUse(t *testing.T, plane plane) {
	t.Helper()
	p := start(t, plane, listener.Options{})
	first, second := server(t, "1"), server(t, "2")
	p.install(leaf("a"), pool("a", first))
	conn, _ := p.ask()
	p.install(leaf("a"), pool("a", second))
	retired := func() float64 {
		return p.value("wye_proxy_endpoints", map[string]string{"arm": "a", "state": "retired"})
	}
	if got := retired(); got != 1 {
		t.Fatalf("%v endpoints retired, want 1", got)
	}
	conn.Close()
	eventually(t, "no endpoint is retired", func() bool { return retired() == 0 })
}

func TestOneLineIsLoggedPerConnection(t *testing.T) {
	onEveryPlane(t, testOneLineIsLoggedPerConnection)
}

func testOneLineIsLoggedPerConnection(t *testing.T, plane plane) {
	t.Helper()
	var log lockedBuilder
	p := start(t, plane, listener.Options{Log: debugLog(&log)})
	p.install(leaf("a"), pool("a", server(t, "a")))
	conn, _ := p.ask()
	conn.Close()
	eventually(t, "the connection is logged", func() bool {
		text := log.String()
		return strings.Count(text, "connection ended") == 1 && strings.Contains(text, "route=ns/route arm=a") && strings.Contains(text, "outcome=completed")
	})
}

// debugLog writes a line per connection, and the others, to log.
func debugLog(log io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type lockedBuilder struct {
	mu sync.Mutex
	b  strings.Builder // guarded by mu
}

func (l *lockedBuilder) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuilder) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
