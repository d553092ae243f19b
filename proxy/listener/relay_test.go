// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/listener"
)

// relayed is a client and a backend with the proxy between them.
type relayed struct {
	t               *testing.T
	proxy           *proxy
	client, backend *net.TCPConn // the ends that the test holds
	drain           func()       // ends the connection
}

// limits of the connection; 0 for none.
type limits struct {
	Idle, Lifetime time.Duration
	BytesPerSecond uint64
}

func relayOver(t *testing.T, plane plane, limits limits) *relayed {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, plane, listener.Options{})
	config := p.config(leaf("a"), pool("a", endpoint(l.Addr().(*net.TCPAddr).AddrPort())))
	config.Routes[0].Timeouts = &pushv1.Timeouts{Idle: durationpb.New(limits.Idle), Lifetime: durationpb.New(limits.Lifetime)}
	config.Routes[0].Limits = &pushv1.RouteLimits{BytesPerSecond: limits.BytesPerSecond}
	if refused := p.try(config); len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	r := &relayed{t: t, proxy: p, client: p.dial()}
	if r.backend, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.backend.Close() })
	_ = r.backend.SetDeadline(time.Now().Add(patience))
	r.drain = func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p.set.Drain(ctx)
	}
	return r
}

// ends wants the connection to end with an outcome, and no other.
func (r *relayed) ends(want flow.Outcome) {
	r.t.Helper()
	eventually(r.t, "the connection ends", func() bool { return r.proxy.value("wye_proxy_connections_active", armA()) == 0 })
	for o := flow.Completed; o < flow.Outcomes; o++ {
		n := r.proxy.value("wye_proxy_connections_closed_total", outcome("a", o.String()))
		if (n == 1) != (o == want) {
			r.t.Errorf("%v connections ended with outcome %s, want 1 with %s", n, o, want)
		}
	}
}

// moved are the bytes counted, from the client and to it.
func (r *relayed) moved() (received, sent int64) {
	return int64(r.proxy.value("wye_proxy_received_bytes_total", armA())), int64(r.proxy.value("wye_proxy_sent_bytes_total", armA()))
}

func (r *relayed) send(conn *net.TCPConn, text string) {
	r.t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *relayed) receive(conn *net.TCPConn, want string) {
	r.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		r.t.Fatalf("received %q, %v, want %q", got[:n], err, want)
	}
}

// receiveEnd wants the end of input: nil for FIN, or ECONNRESET.
func (r *relayed) receiveEnd(conn *net.TCPConn, want error) {
	r.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if rest, err := io.ReadAll(conn); !errors.Is(err, want) || len(rest) > 0 {
		r.t.Fatalf("received %q and the end %v, want %v", rest, err, want)
	}
}

func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

func TestHalfCloseIsCarriedThroughInEitherOrder(t *testing.T) {
	onEveryPlane(t, testHalfCloseIsCarriedThroughInEitherOrder)
}

func testHalfCloseIsCarriedThroughInEitherOrder(t *testing.T, plane plane) {
	t.Helper()
	for _, name := range []string{"client first", "backend first"} {
		t.Run(name, func(t *testing.T) {
			r := relayOver(t, plane, limits{})
			first, second := r.client, r.backend
			if name == "backend first" {
				first, second = second, first
			}
			r.send(first, "last words")
			_ = first.CloseWrite()
			r.receive(second, "last words")
			r.receiveEnd(second, nil)
			// The other direction is open for as long as it is needed.
			r.send(second, "an answer")
			r.receive(first, "an answer")
			r.send(second, "and more")
			r.receive(first, "and more")
			_ = second.CloseWrite()
			r.receiveEnd(first, nil)
			r.ends(flow.Completed)
		})
	}
}

func TestBothSidesMayCloseAtOnce(t *testing.T) { onEveryPlane(t, testBothSidesMayCloseAtOnce) }

func testBothSidesMayCloseAtOnce(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{})
	_ = r.client.CloseWrite()
	_ = r.backend.CloseWrite()
	r.receiveEnd(r.client, nil)
	r.receiveEnd(r.backend, nil)
	r.ends(flow.Completed)
}

func TestLargeTransfersArriveWhole(t *testing.T) { onEveryPlane(t, testLargeTransfersArriveWhole) }

func testLargeTransfersArriveWhole(t *testing.T, plane plane) {
	t.Helper()
	t.Parallel()
	const size = 32 << 20
	r := relayOver(t, plane, limits{Idle: time.Minute})
	var halves sync.WaitGroup
	for _, dir := range []struct {
		from, to *net.TCPConn
		seed     byte
	}{{r.client, r.backend, 1}, {r.backend, r.client, 2}} {
		sent, received := sha256.New(), sha256.New()
		halves.Go(func() {
			random := rand.NewChaCha8([32]byte{dir.seed})
			_ = dir.from.SetDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(dir.from, io.TeeReader(io.LimitReader(random, size), sent)); err != nil {
				t.Error(err)
			}
			_ = dir.from.CloseWrite()
		})
		halves.Go(func() {
			_ = dir.to.SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(received, dir.to); err != nil {
				t.Error(err)
			}
		})
		defer func() {
			if !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
				t.Error("what was received differs from what was sent")
			}
		}()
	}
	halves.Wait()
	r.ends(flow.Completed)
	if rx, tx := r.moved(); rx != size || tx != size {
		t.Errorf("counted %d and %d bytes, want %d each way", rx, tx, size)
	}
}

func TestAResetIsPassedOn(t *testing.T) { onEveryPlane(t, testAResetIsPassedOn) }

func testAResetIsPassedOn(t *testing.T, plane plane) {
	t.Helper()
	t.Run("of the client", func(t *testing.T) {
		r := relayOver(t, plane, limits{})
		r.send(r.client, "hello")
		r.receive(r.backend, "hello")
		reset(r.client)
		r.receiveEnd(r.backend, syscall.ECONNRESET)
		r.ends(flow.ClientReset)
	})
	t.Run("of the backend", func(t *testing.T) {
		r := relayOver(t, plane, limits{})
		r.send(r.backend, "hello")
		r.receive(r.client, "hello")
		reset(r.backend)
		r.receiveEnd(r.client, syscall.ECONNRESET)
		r.ends(flow.BackendReset)
	})
	t.Run("of a client that had half-closed", func(t *testing.T) {
		r := relayOver(t, plane, limits{})
		_ = r.client.CloseWrite()
		r.receiveEnd(r.backend, nil)
		reset(r.client)
		// The backend finds out when it writes.
		for end := time.Now().Add(patience); ; {
			if _, err := r.backend.Write([]byte("anyone there?")); err != nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal("the backend can still write")
			}
		}
		r.ends(flow.ClientReset)
	})
}

func TestWhatABackendSentBeforeItsResetIsDelivered(t *testing.T) {
	onEveryPlane(t, testWhatABackendSentBeforeItsResetIsDelivered)
}

func testWhatABackendSentBeforeItsResetIsDelivered(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{})
	r.send(r.client, "this will not all be read")
	r.receive(r.backend, "this")
	r.send(r.backend, "too large")
	r.receive(r.client, "too large")
	// Closing with input unread resets.
	_ = r.backend.Close()
	r.receiveEnd(r.client, syscall.ECONNRESET)
	r.ends(flow.BackendReset)
}

func TestIdleIsOfBothDirectionsTogether(t *testing.T) {
	onEveryPlane(t, testIdleIsOfBothDirectionsTogether)
}

func testIdleIsOfBothDirectionsTogether(t *testing.T, plane plane) {
	t.Helper()
	t.Parallel()
	const idle = 1500 * time.Millisecond
	r := relayOver(t, plane, limits{Idle: idle})
	began := time.Now()
	beat := time.NewTicker(idle / 30)
	defer beat.Stop()
	for time.Since(began) < 2*idle { // one direction is quiet all the time
		<-beat.C
		r.send(r.backend, ".")
		r.receive(r.client, ".")
	}
	quiet := time.Now()
	r.receiveEnd(r.client, nil)
	r.receiveEnd(r.backend, nil)
	r.ends(flow.IdleTimeout)
	if took := time.Since(quiet); took < idle/2 || took > patience/2 {
		t.Errorf("ended %s after the last byte, want about %s", took, idle)
	}
}

func TestAConnectionThatNeverMovesAByteIsIdle(t *testing.T) {
	onEveryPlane(t, testAConnectionThatNeverMovesAByteIsIdle)
}

func testAConnectionThatNeverMovesAByteIsIdle(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{Idle: 200 * time.Millisecond})
	r.receiveEnd(r.client, nil)
	r.receiveEnd(r.backend, nil)
	r.ends(flow.IdleTimeout)
}

func TestAReaderThatIsSlowIsNotIdle(t *testing.T) { onEveryPlane(t, testAReaderThatIsSlowIsNotIdle) }

func testAReaderThatIsSlowIsNotIdle(t *testing.T, plane plane) {
	t.Helper()
	t.Parallel()
	const idle = 1500 * time.Millisecond
	r := relayOver(t, plane, limits{Idle: idle})
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { // as much as it can, so that the relay is stuck in a write
		for chunk := make([]byte, 64<<10); ; {
			if _, err := r.backend.Write(chunk); err != nil {
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	buf := make([]byte, 128<<10)
	beat := time.NewTicker(idle / 30)
	defer beat.Stop()
	for began := time.Now(); time.Since(began) < 2*idle; {
		<-beat.C
		if _, err := io.ReadFull(r.client, buf); err != nil {
			t.Fatalf("ended on a reader that is slow: %v", err)
		}
	}
	r.drain()
	r.ends(flow.DrainDeadline)
	close(stop)
	r.backend.Close()
	writer.Wait()
}

func TestAStuckConnectionIsIdle(t *testing.T) { onEveryPlane(t, testAStuckConnectionIsIdle) }

func testAStuckConnectionIsIdle(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{Idle: 300 * time.Millisecond})
	var writer sync.WaitGroup
	writer.Go(func() { // nobody reads this
		chunk := make([]byte, 64<<10)
		for {
			if _, err := r.backend.Write(chunk); err != nil {
				return
			}
		}
	})
	r.ends(flow.IdleTimeout)
	writer.Wait()
}

func TestLifetimeEndsAStreamThatMovesWithAReset(t *testing.T) {
	onEveryPlane(t, testLifetimeEndsAStreamThatMovesWithAReset)
}

func testLifetimeEndsAStreamThatMovesWithAReset(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{Lifetime: 300 * time.Millisecond})
	for {
		if _, err := r.client.Write([]byte("on and on")); err != nil {
			break
		}
		buf := make([]byte, 100)
		if _, err := r.backend.Read(buf); err != nil {
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the backend saw %v, want a reset", err)
			}
			break
		}
	}
	r.ends(flow.LifetimeExceeded)
}

func TestLifetimeEndsAConnectionAtRestWithFIN(t *testing.T) {
	onEveryPlane(t, testLifetimeEndsAConnectionAtRestWithFIN)
}

func testLifetimeEndsAConnectionAtRestWithFIN(t *testing.T, plane plane) {
	t.Helper()
	t.Parallel()
	r := relayOver(t, plane, limits{Lifetime: 2 * time.Second})
	r.send(r.client, "hello")
	r.receive(r.backend, "hello")
	r.receiveEnd(r.client, nil)
	r.receiveEnd(r.backend, nil)
	r.ends(flow.LifetimeExceeded)
}

func TestDrainEndsAStreamThatMovesWithAReset(t *testing.T) {
	onEveryPlane(t, testDrainEndsAStreamThatMovesWithAReset)
}

func testDrainEndsAStreamThatMovesWithAReset(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{})
	r.send(r.client, "hello")
	r.receive(r.backend, "hello")
	r.drain()
	r.receiveEnd(r.client, syscall.ECONNRESET)
	r.receiveEnd(r.backend, syscall.ECONNRESET)
	r.ends(flow.DrainDeadline)
}

func TestBytesAreCountedWhileTheConnectionIsOpen(t *testing.T) {
	onEveryPlane(t, testBytesAreCountedWhileTheConnectionIsOpen)
}

func testBytesAreCountedWhileTheConnectionIsOpen(t *testing.T, plane plane) {
	t.Helper()
	r := relayOver(t, plane, limits{})
	r.send(r.client, "12345")
	r.receive(r.backend, "12345")
	r.send(r.backend, "123")
	r.receive(r.client, "123")
	for end := time.Now().Add(patience); ; {
		rx, tx := r.moved()
		if rx == 5 && tx == 3 {
			break
		}
		runtime.Gosched()
		if time.Now().After(end) {
			t.Fatalf("counted %d and %d bytes of an open connection, want 5 and 3", rx, tx)
		}
	}
	r.client.Close()
	r.backend.Close()
	r.ends(flow.Completed)
}
