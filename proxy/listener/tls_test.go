// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// secured is a proxy that ends the TLS of its clients, and the backend behind it.
type secured struct {
	*proxy
	backend *net.TCPListener
	config  *tls.Config // of clients
}

func endTLS(t *testing.T, plane plane) *secured {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	authority := pushtest.NewAuthority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	s := &secured{
		proxy:   start(t, plane, listener.Options{}),
		backend: l,
		config:  &tls.Config{RootCAs: roots, ServerName: pushtest.ServerName},
	}
	config := s.proxy.config(leaf("a"), pool("a", endpoint(l.Addr().(*net.TCPAddr).AddrPort())))
	s.install(leaf("a"), config.GetPools()...)
	s.plan.Routes["ns/route"].TLS = &tls.Config{Certificates: []tls.Certificate{*authority.Leaf(t)}}
	s.set.Install(s.plan)
	return s
}

// connect returns both ends of a connection through the proxy.
func (s *secured) connect() (client *tls.Conn, backend *net.TCPConn) {
	s.t.Helper()
	client = tls.Client(s.dial(), s.config)
	if err := client.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return client, s.accepted()
}

func (s *secured) accepted() *net.TCPConn {
	s.t.Helper()
	_ = s.backend.SetDeadline(time.Now().Add(patience))
	conn, err := s.backend.AcceptTCP()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func (s *secured) ended(o flow.Outcome) {
	s.t.Helper()
	eventually(s.t, "one connection ended with "+o.String(), func() bool {
		return s.value("wye_proxy_connections_closed_total", map[string]string{"outcome": o.String()}) == 1
	})
}

func TestTLSCarriesBothDirectionsWhole(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s := endTLS(t, plane)
			s.config.MinVersion, s.config.MaxVersion = version, version
			client, backend := s.connect()
			const size = 8 << 20
			exchange(t, size, client, backend)
			s.ended(flow.Completed)
			if in, out := s.value("wye_proxy_received_bytes_total", armA()), s.value("wye_proxy_sent_bytes_total", armA()); in != size || out != size {
				t.Errorf("counted %v and %v bytes of payload, want %d each way", in, out, size)
			}
		}
	})
}

// end is one end of a connection whose output can be closed by itself.
type end interface {
	io.ReadWriter
	CloseWrite() error
}

// exchange sends random bytes both ways at once, in pieces of many sizes, and wants
// them to arrive, and then the end.
func exchange(t *testing.T, size int64, a, b end) {
	t.Helper()
	var halves sync.WaitGroup
	for i, dir := range [][2]end{{a, b}, {b, a}} {
		from, to := dir[0], dir[1]
		sent, received := sha256.New(), sha256.New()
		halves.Go(func() {
			random := rand.New(rand.NewChaCha8([32]byte{byte(i)}))
			piece := make([]byte, 100<<10)
			for left := size; left > 0; {
				n := min(left, 1+random.Int64N(int64(len(piece))))
				for j := range piece[:n] {
					piece[j] = byte(random.Uint32())
				}
				sent.Write(piece[:n])
				if _, err := from.Write(piece[:n]); err != nil {
					t.Error(err)
					return
				}
				left -= n
			}
			_ = from.CloseWrite()
		})
		halves.Go(func() {
			if _, err := io.Copy(received, to); err != nil {
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
}

func TestTLSIsHalfClosedInEitherOrder(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		for _, name := range []string{"client first", "backend first"} {
			s := endTLS(t, plane)
			client, backend := s.connect()
			var first, second end = client, backend
			if name == "backend first" {
				first, second = second, first
			}
			say := func(from, to end, text string) {
				if _, err := io.WriteString(from, text); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(text))
				if _, err := io.ReadFull(to, got); err != nil || string(got) != text {
					t.Fatalf("%s: received %q, %v", name, got, err)
				}
			}
			say(first, second, "last words")
			_ = first.CloseWrite()
			if rest, err := io.ReadAll(second); err != nil || len(rest) > 0 {
				t.Fatalf("%s: received %q, %v", name, rest, err)
			}
			say(second, first, "an answer")
			_ = second.CloseWrite()
			if rest, err := io.ReadAll(first); err != nil || len(rest) > 0 {
				t.Fatalf("%s: received %q, %v", name, rest, err)
			}
			s.ended(flow.Completed)
		}
	})
}

// TestAListenerOfTLSThatIsRemovedEndsNoConnection: one that is established goes on,
// with its TLS, and new ones are refused.
func TestAListenerOfTLSThatIsRemovedEndsNoConnection(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		client, backend := s.connect()
		if refused := s.try(&pushv1.Config{}); len(refused) > 0 {
			t.Fatal(describe(refused))
		}
		s.wantRefused()
		exchange(t, 1<<20, client, backend)
		eventually(t, "it has ended", func() bool { return s.set.Active() == 0 })
	})
}

func TestAResetPassesThroughTLS(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		client, backend := s.connect()
		_, _ = client.Write([]byte("x")) // once that is there, the proxy has connected
		if _, err := io.ReadFull(backend, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = backend.SetLinger(0)
		_ = backend.Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client saw %v, want a reset", err)
		}
		s.ended(flow.BackendReset)
	})
}

func TestAClientOfTLSMayReadSlowly(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		client, backend := s.connect()
		const size = 16 << 20 // more than sockets hold
		written := make(chan error, 1)
		go func() {
			_, err := backend.Write(make([]byte, size))
			_ = backend.CloseWrite()
			written <- err
		}()
		// While it does not read, what it says goes through.
		for range 3 {
			if _, err := client.Write([]byte("still here")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(backend, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := io.Copy(io.Discard, client); err != nil || n != size {
			t.Errorf("received %d bytes, %v, want %d", n, err, size)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

func TestWhoDoesNotSpeakTLSIsNotServed(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		conn := s.dial()
		_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until it is closed
		s.ended(flow.HandshakeFailed)
		if n := s.value("wye_proxy_tls_handshake_failures_total", map[string]string{"reason": "not_tls"}); n != 1 {
			t.Errorf("%v handshakes failed because it was no TLS, want 1", n)
		}
		if n := s.value("wye_proxy_connect_duration_seconds", nil); n != 0 {
			t.Errorf("%v connections reached the backend", n)
		}
	})
}

// TestADrainEndsHandshakes: one client has said nothing yet, the other has begun.
func TestADrainEndsHandshakes(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		silent, begun := s.dial(), s.dial()
		if _, err := begun.Write([]byte{22, 3, 1}); err != nil { // the header of a handshake record
			t.Fatal(err)
		}
		eventually(t, "both are there", func() bool { return s.set.Active() == 2 })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n := s.set.Drain(ctx); n != 2 {
			t.Errorf("%d connections had to be ended, want 2", n)
		}
		for _, conn := range []net.Conn{silent, begun} {
			_, _ = io.Copy(io.Discard, conn) // until it is closed
		}
		if n := s.value("wye_proxy_connections_closed_total", map[string]string{"outcome": "drain_deadline"}); n != 2 {
			t.Errorf("%v connections ended with drain_deadline, want 2", n)
		}
	})
}

// TestKeysMayBeUpdated: openssl takes a line that begins with K as the wish to
// change the keys of both sides.
func TestKeysMayBeUpdated(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		s := endTLS(t, plane)
		cmd := exec.CommandContext(t.Context(), "openssl", "s_client", "-tls1_3", "-connect", s.dial().RemoteAddr().String())
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd.Stdout = &out
		notes, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		backend := s.accepted()
		hear := func(want string) {
			got := make([]byte, len(want))
			if _, err := io.ReadFull(backend, got); err != nil || string(got) != want {
				t.Fatalf("received %q, %v, want %q", got, err, want)
			}
		}
		_, _ = io.WriteString(in, "before\n")
		hear("before\n")
		_, _ = io.WriteString(in, "K\n")
		for lines := bufio.NewScanner(notes); lines.Scan() && lines.Text() != "KEYUPDATE"; {
		}
		_, _ = io.WriteString(in, "after\n")
		hear("after\n")
		if _, err := io.WriteString(backend, "answer\n"); err != nil {
			t.Fatal(err)
		}
		_ = backend.CloseWrite()
		_, _ = io.Copy(io.Discard, backend) // until openssl, which has been told the end, closes
		_ = in.Close()
		_ = cmd.Wait()
		if !strings.Contains(out.String(), "answer") {
			t.Errorf("openssl says:\n%s", out.String())
		}
	})
}
