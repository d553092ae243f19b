// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// fronted is a proxy whose port has several routes.
type fronted struct {
	*proxy
	authority *pushtest.Authority
	config    *pushv1.Config
	builder   plan.Builder
	log       *lockedBuilder
}

func front(t *testing.T, plane plane) *fronted {
	t.Helper()
	return frontBy(t, plane, listener.Options{})
}

func frontBy(t *testing.T, plane plane, opts listener.Options) *fronted {
	t.Helper()
	log := &lockedBuilder{}
	opts.Log = debugLog(log)
	f := &fronted{
		proxy:     start(t, plane, opts),
		authority: pushtest.NewAuthority(t),
		builder:   plan.Builder{Identities: &tlsconf.Store{}},
		log:       log,
	}
	f.config = &pushv1.Config{Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: uint32(f.port)}}}
	return f
}

// serve puts the config in service.
func (f *fronted) serve() {
	f.t.Helper()
	next, refused := f.builder.Build(proto.CloneOf(f.config), f.plan)
	f.plan = next
	if refused = slices.Concat(refused, f.set.Install(next)); len(refused) > 0 {
		f.t.Fatalf("refused %v", refused)
	}
}

// add adds a route to a backend that says the route's name to whoever connects, and
// then what it is told.
func (f *fronted) add(name string, backend *pushv1.Endpoint, hosts ...string) *pushv1.Route {
	f.config.Pools = append(f.config.Pools, pool(name, backend))
	r := &pushv1.Route{Name: "ns/" + name, Listener: "tcp/1", Tree: leaf(name), Hostnames: hosts}
	f.config.Routes = append(f.config.Routes, r)
	return r
}

// secure adds a route whose backend ends TLS, for hosts.
func (f *fronted) secure(name string, hosts ...string) *pushv1.Route {
	f.t.Helper()
	return f.add(name, f.backend(name, &tls.Config{Certificates: []tls.Certificate{f.certificate(hosts...)}}), hosts...)
}

// ending adds a route that ends TLS itself.
func (f *fronted) ending(name string, hosts ...string) {
	f.t.Helper()
	identity, err := tlsconf.Parse(f.authority.Identity(f.t, append(hosts, "other.test")...))
	if err != nil {
		f.t.Fatal(err)
	}
	f.builder.Identities.Put(name, identity)
	r := f.add(name, f.backend(name, nil), hosts...)
	r.Tls = &pushv1.ServerTLS{DefaultIdentity: name}
}

func (f *fronted) certificate(hosts ...string) tls.Certificate {
	f.t.Helper()
	certificate, err := tls.X509KeyPair(f.authority.Identity(f.t, append(hosts, "other.test")...))
	if err != nil {
		f.t.Fatal(err)
	}
	return certificate
}

// backend says its name and then what it is told. With config that is in TLS.
func (f *fronted) backend(name string, config *tls.Config) *pushv1.Endpoint {
	f.t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if config != nil {
				conn = tls.Server(conn, config)
			}
			go func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, name)
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return endpoint(l.Addr().(*net.TCPAddr).AddrPort())
}

// client is what clients in TLS begin with.
func (f *fronted) client(host string, protocols ...string) *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.authority.PEM)
	config := &tls.Config{RootCAs: roots, ServerName: host, NextProtos: protocols}
	if host == "" {
		config.InsecureSkipVerify = true // Go needs either
	}
	return config
}

// asks returns which backend a client in TLS reaches, or what it is told.
func (f *fronted) asks(host string, protocols ...string) string {
	f.t.Helper()
	return f.reaches(tls.Client(f.dial(), f.client(host, protocols...)))
}

// reaches returns which backend is at the other end, or what went wrong.
func (f *fronted) reaches(conn net.Conn) string {
	f.t.Helper()
	defer conn.Close()
	name := make([]byte, 1)
	if _, err := io.ReadFull(conn, name); err != nil {
		return err.Error()
	}
	return string(name)
}

func (f *fronted) counted(o flow.Outcome, n float64) {
	f.t.Helper()
	eventually(f.t, "connections that ended with "+o.String(), func() bool {
		return f.value("wye_proxy_connections_closed_total", map[string]string{"outcome": o.String()}) == n
	})
}

func TestRoutesAreToldApartByName(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.example.com")
		f.secure("b", "*.example.com", "b.test")
		f.secure("c", "*.deep.example.com")
		f.ending("d", "d.example.com")
		f.serve()
		for host, want := range map[string]string{
			"a.example.com":      "a",
			"A.Example.COM":      "a",
			"b.test":             "b",
			"any.example.com":    "b",
			"d.example.com":      "d",
			"x.deep.example.com": "c",
			"deep.example.com":   "b",
			"example.com":        "remote error: tls: unrecognized name",
			"nobody.test":        "remote error: tls: unrecognized name",
			"":                   "remote error: tls: unrecognized name",
		} {
			if got := f.asks(host); got != want {
				t.Errorf("%s reaches %s, want %s", host, got, want)
			}
		}
		f.counted(flow.NoRouteForName, 3)
		if n := f.value("wye_proxy_connections_accepted_total", map[string]string{"route": "ns/a"}); n != 2 {
			t.Errorf("%v connections counted for a, want 2", n)
		}
		if got := f.reaches(f.says("GET / HTTP/1.0\r\n\r\n")); got != "EOF" && !strings.Contains(got, "reset") {
			t.Errorf("who speaks no TLS is told %s", got)
		}
		f.counted(flow.HandshakeFailed, 1)
	})
}

// TestWhatPassesThroughIsWhole: much of it, there and back.
func TestWhatPassesThroughIsWhole(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.test")
		f.serve()
		conn := tls.Client(f.dial(), f.client("a.test"))
		much := make([]byte, 8<<20)
		for i := range much {
			much[i] = byte(i * i >> 8)
		}
		go func() {
			_, _ = conn.Write(much)
			_ = conn.CloseWrite()
		}()
		got, err := io.ReadAll(conn)
		if err != nil || len(got) == 0 || got[0] != 'a' || !bytes.Equal(got[1:], much) {
			t.Errorf("%d of %d bytes came back, %v", len(got), 1+len(much), err)
		}
	})
}

// says connects and sends a text.
func (f *fronted) says(text string) *net.TCPConn {
	f.t.Helper()
	conn := f.dial()
	if _, err := io.WriteString(conn, text); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

func TestTheRouteWithoutNamesIsForAllOthers(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.test")
		f.add("z", f.backend("z", nil))
		f.serve()
		if got := f.asks("a.test"); got != "a" {
			t.Errorf("a.test reaches %s", got)
		}
		if got := f.reaches(f.says("GET / HTTP/1.0\r\n\r\n")); got != "z" {
			t.Errorf("who speaks no TLS reaches %s", got)
		}
		// It answers in the clear, so the client is confused: but it was reached.
		if got := f.asks("other.test"); !strings.Contains(got, "first record does not look like a TLS handshake") {
			t.Errorf("other.test is told %s", got)
		}
		f.config.Routes = f.config.Routes[:1]
		f.ending("e")
		f.serve()
		for _, host := range []string{"other.test", ""} {
			if got := f.asks(host); got != "e" {
				t.Errorf("%q reaches %s, want the route without names", host, got)
			}
		}
		_, _ = io.Copy(io.Discard, f.says("GET / HTTP/1.0\r\n\r\n"))
		f.counted(flow.HandshakeFailed, 1)
		if n := f.value("wye_proxy_connections_closed_total", map[string]string{"route": "ns/e", "outcome": "tls_handshake_failed"}); n != 1 {
			t.Error("the handshake that failed is not counted for the route")
		}
	})
}

func TestRoutesAreToldApartByProtocol(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("r", "a.test").MatchProtocols = []string{"redis"}
		f.secure("p", "a.test").MatchProtocols = []string{"postgresql", "pg"}
		f.secure("n", "b.test")
		f.serve()
		for _, test := range []struct {
			host      string
			protocols []string
			want      string
		}{
			{"a.test", []string{"redis"}, "r"},
			{"a.test", []string{"x", "pg", "redis"}, "p"},
			{"a.test", []string{"x"}, "remote error: tls: no application protocol"},
			{"a.test", nil, "remote error: tls: no application protocol"},
			{"b.test", []string{"x"}, "n"},
		} {
			if got := f.asks(test.host, test.protocols...); got != test.want {
				t.Errorf("%s with %v reaches %s, want %s", test.host, test.protocols, got, test.want)
			}
		}
	})
}

// pieces is a connection that is written a few bytes at a time.
type pieces struct {
	*net.TCPConn
	size int
}

func (p pieces) Write(b []byte) (int, error) {
	for at := 0; at < len(b); at += p.size {
		if _, err := p.TCPConn.Write(b[at:min(at+p.size, len(b))]); err != nil {
			return at, err
		}
	}
	return len(b), nil
}

// records splits what is written in TLS into records of a few bytes.
type records struct{ net.Conn }

func (r records) Write(b []byte) (int, error) {
	if b[0] != 22 {
		return r.Conn.Write(b)
	}
	for body := b[5:]; len(body) > 0; {
		piece := body[:min(7, len(body))]
		body = body[len(piece):]
		if _, err := r.Conn.Write(append([]byte{22, 3, 1, 0, byte(len(piece))}, piece...)); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func TestAClientHelloMayComeInPieces(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.test")
		f.ending("b", "b.test")
		f.serve()
		for host, want := range map[string]string{"a.test": "a", "b.test": "b"} {
			// What follows the ClientHello is sealed, and may not be split anew.
			config := f.client(host)
			config.MaxVersion = tls.VersionTLS13
			for name, conn := range map[string]net.Conn{
				"bytes":               pieces{f.dial(), 1},
				"segments":            pieces{f.dial(), 100},
				"records":             records{f.dial()},
				"records by the byte": records{pieces{f.dial(), 1}},
			} {
				if got := f.reaches(tls.Client(conn, config)); got != want {
					t.Errorf("in %s, %s reaches %s", name, host, got)
				}
			}
		}
	})
}

func TestClientsThatGiveUpAreCounted(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.test")
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.2/32"}}
		f.serve()
		for _, text := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01"} {
			conn := f.says(text)
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			reset(f.says(text))
		}
		f.counted(flow.HandshakeFailed, 6)
		for _, text := range []string{"", "PROX", "\r\n\r\n\x00\r\nQUIT\n\x21"} {
			conn := f.from("127.0.0.2", text)
			_ = conn.CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
		}
		f.counted(flow.ProxyHeaderFailed, 3)
	})
}

// from connects from an address and sends a text.
func (f *fronted) from(address, text string) *net.TCPConn {
	f.t.Helper()
	conn := f.dialFrom(address)
	if _, err := io.WriteString(conn, text); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// TestHandshakesHaveALimit: one more is refused, and those that are routed do not count.
func TestHandshakesHaveALimit(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.test")
		f.ending("b", "b.test")
		f.config.Listeners[0].MaxHandshakes = 3
		f.serve()
		client := tls.Client(f.dial(), f.client("b.test"))
		defer client.Close()
		if _, err := io.ReadFull(client, make([]byte, 1)); err != nil { // then it is routed
			t.Fatal(err)
		}
		silent := []*net.TCPConn{f.dial(), f.says("\x16"), f.says("\x16\x03\x01")}
		eventually(t, "they are there", func() bool { return f.set.Active() == 4 })
		f.wantReset()
		f.counted(flow.TooManyHandshakes, 1)
		silent[0].Close()
		f.counted(flow.HandshakeFailed, 1)
		if got := f.asks("a.test"); got != "a" {
			t.Errorf("after one has gone, another reaches %s", got)
		}
		_, _ = io.WriteString(client, "x")
		if got := f.reaches(client); got != "x" {
			t.Errorf("who was there before hears %s", got)
		}
		silent[1].Close()
		f.counted(flow.HandshakeFailed, 2)
		for range 10 { // each is counted out again, be it after the next has come
			_ = f.asks("b.test")
			_ = f.asks("nobody.test")
		}
		f.counted(flow.TooManyHandshakes, 1)
	})
}

// TestWhoIsSilentIsNotWaitedForLong: whatever part of what has to come is missing.
func TestWhoIsSilentIsNotWaitedForLong(t *testing.T) {
	for name, plane := range planes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := front(t, plane)
			f.add("z", f.backend("z", nil))
			f.ending("b", "b.test")
			f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.2/32"}}
			f.serve()
			began := time.Now()
			// A ClientHello is there, and the rest of the handshake never comes.
			stops := tls.Client(&deaf{Conn: f.dial()}, f.client("b.test"))
			go func() { _ = stops.Handshake() }()
			conns := []net.Conn{
				f.dial(), f.says("\x16\x03\x01"), f.from("127.0.0.2", ""), f.from("127.0.0.2", "PROXY "),
				f.from("127.0.0.2", header1), f.from("127.0.0.2", header2+"\x16"),
			}
			for _, conn := range conns {
				if n, _ := io.Copy(io.Discard, conn); n != 0 {
					t.Error("it was answered")
				}
			}
			if took := time.Since(began); took < listener.HandshakeTimeout-time.Second || took > listener.HandshakeTimeout+5*time.Second {
				t.Errorf("they were waited for %s", took)
			}
			f.counted(flow.ProxyHeaderFailed, 2)
			f.counted(flow.HandshakeFailed, 5)
		})
	}
}

// deaf hears nothing until its end.
type deaf struct{ net.Conn }

func (d *deaf) Read([]byte) (int, error) {
	_, _ = io.Copy(io.Discard, d.Conn)
	return 0, io.EOF
}

func TestADrainEndsWhatIsRead(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.secure("a", "a.test")
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.2/32"}}
		f.serve()
		conns := []net.Conn{f.dial(), f.says("\x16\x03"), f.from("127.0.0.2", ""), f.from("127.0.0.2", header1)}
		eventually(t, "they are there", func() bool { return f.set.Active() == len(conns) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n := f.set.Drain(ctx); n != len(conns) {
			t.Errorf("%d connections had to be ended, want %d", n, len(conns))
		}
		f.counted(flow.DrainDeadline, float64(len(conns)))
	})
}

// TestARouteBesideOthersDropsNothing: while clients come and go, routes of the same
// port come and go.
func TestARouteBesideOthersDropsNothing(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.ending("a", "a.test")
		f.secure("b", "b.test")
		f.serve()
		first := tls.Client(f.dial(), f.client("a.test"))
		if err := first.Handshake(); err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var clients sync.WaitGroup
		for _, host := range []string{"a.test", "b.test"} {
			clients.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if got := f.asks(host); got != host[:1] {
						t.Errorf("%s reaches %s", host, got)
						return
					}
				}
			})
		}
		f.secure("c", "c.test")
		f.add("z", f.backend("z", nil))
		for range 50 {
			f.serve()
			rest := f.config.Routes
			f.config.Routes = rest[:2]
			f.serve()
			f.config.Routes = rest
		}
		f.serve()
		if got := f.asks("c.test"); got != "c" {
			t.Errorf("the new route's name reaches %s", got)
		}
		close(stop)
		clients.Wait()
		if got := f.reaches(first); got != "a" {
			t.Errorf("who was there before reaches %s", got)
		}
	})
}
