// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/proxyproto"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// reaching is a proxy that speaks TLS with endpoints, which it trusts an authority for.
type reaching struct {
	*proxy
	authority *pushtest.Authority
}

func startReaching(t *testing.T, plane plane) *reaching {
	t.Helper()
	r := &reaching{proxy: start(t, plane, listener.Options{}), authority: pushtest.NewAuthority(t)}
	bundle, err := tlsconf.ParseBundle(r.authority.PEM)
	if err != nil {
		t.Fatal(err)
	}
	own, err := tlsconf.Parse(r.authority.Identity(t, "proxy"))
	if err != nil {
		t.Fatal(err)
	}
	r.builder.Identities = &tlsconf.Store{}
	r.builder.Identities.PutBundle("ca", bundle)
	r.builder.Identities.Put("own", own)
	return r
}

// route serves endpoints by settings, within a time to connect.
func (r *reaching) route(settings *pushv1.PoolSettings, connect time.Duration, endpoints ...*pushv1.Endpoint) {
	r.t.Helper()
	to := pool("a", endpoints...)
	to.Settings = settings
	config := r.config(leaf("a"), to)
	config.Routes[0].Timeouts = &pushv1.Timeouts{Connect: durationpb.New(connect)}
	if refused := r.try(config); len(refused) > 0 {
		r.t.Fatal(describe(refused))
	}
}

func inTLS() *pushv1.PoolSettings {
	return &pushv1.PoolSettings{Tls: &pushv1.ClientTLS{ServerName: "backend", TrustBundles: []string{"ca"}, Identity: "own"}}
}

// shaking is a backend in TLS that says a name. What it is asked for is up to config.
func shaking(t *testing.T, name string, config *tls.Config) *pushv1.Endpoint {
	t.Helper()
	return accepting(t, func(conn *net.TCPConn) {
		secret := tls.Server(conn, config)
		if secret.Handshake() == nil {
			_, _ = io.WriteString(secret, name)
			_, _ = io.Copy(secret, secret)
		}
	})
}

func (r *reaching) identity(by *pushtest.Authority, host string) *tls.Config {
	r.t.Helper()
	pair, err := tls.X509KeyPair(by.Identity(r.t, host))
	if err != nil {
		r.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

const shakesFailed = "wye_proxy_backend_tls_handshake_failures_total"

// Whoever comes to no terms on TLS is passed over for another endpoint, and counted.
func TestAnEndpointThatTLSFailsWithIsPassedOver(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		r := startReaching(t, plane)
		mutual := r.identity(r.authority, "backend")
		mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		mutual.ClientCAs.AppendCertsFromPEM(r.authority.PEM)
		bad := []*pushv1.Endpoint{
			shaking(t, "w", r.identity(r.authority, "another.name")),
			shaking(t, "u", r.identity(pushtest.NewAuthority(t), "backend")),
			accepting(t, func(conn *net.TCPConn) { _, _ = io.WriteString(conn, "SSH-2.0-x\r\n") }),
			accepting(t, func(*net.TCPConn) {}),
		}
		r.route(inTLS(), patience, append(bad, shaking(t, "g", mutual))...)
		for range 12 {
			conn, name := r.ask()
			if name != "g" {
				t.Fatalf("reached %s", name)
			}
			conn.Close()
		}
		if failed, retries := r.value(shakesFailed, armA()), r.value("wye_proxy_connect_retries_total", armA()); failed == 0 || failed != retries {
			t.Errorf("%v handshakes failed, and %v attempts followed", failed, retries)
		}
		r.route(inTLS(), patience, bad...)
		before := r.value(shakesFailed, armA())
		r.wantReset()
		eventually(t, "the outcome is counted", func() bool {
			return r.value("wye_proxy_connections_closed_total", outcome("a", "connect_failed")) == 1
		})
		if failed := r.value(shakesFailed, armA()) - before; failed != float64(len(bad)) {
			t.Errorf("%v handshakes failed, want %d", failed, len(bad))
		}
	})
}

// The time of an attempt is that of its handshake, too.
func TestAnEndpointThatSaysNothingInTLSIsGivenUp(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		r := startReaching(t, plane)
		mute := accepting(t, func(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) })
		r.route(inTLS(), patience, mute, shaking(t, "g", r.identity(r.authority, "backend")))
		config := r.config(leaf("a"), pool("a", mute, shaking(t, "g", r.identity(r.authority, "backend"))))
		config.Pools[0].Settings = inTLS()
		config.Routes[0].Timeouts = &pushv1.Timeouts{Connect: durationpb.New(patience), Attempt: durationpb.New(200 * time.Millisecond)}
		if refused := r.try(config); len(refused) > 0 {
			t.Fatal(describe(refused))
		}
		for range 4 {
			if _, name := r.ask(); name != "g" {
				t.Errorf("reached %s", name)
			}
		}
		r.route(inTLS(), 300*time.Millisecond, mute)
		r.wantReset()
		eventually(t, "the outcome is counted", func() bool {
			closed := func(name string) float64 { return r.value("wye_proxy_connections_closed_total", outcome("a", name)) }
			return closed("connect_timeout")+closed("connect_failed") == 1
		})
	})
}

func TestADrainEndsHandshakesWithEndpoints(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		r := startReaching(t, plane)
		begun := make(chan struct{})
		r.route(inTLS(), patience, accepting(t, func(conn *net.TCPConn) {
			_, _ = io.ReadFull(conn, make([]byte, 100))
			close(begun)
			_, _ = io.Copy(io.Discard, conn)
		}))
		conn := r.dial()
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if ended := r.set.Drain(ctx); ended != 1 {
			t.Errorf("%d connections were ended", ended)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("the client got something")
		}
		if n := r.value("wye_proxy_connections_closed_total", outcome("a", "drain_deadline")); n != 1 {
			t.Errorf("%v connections ended so", n)
		}
	})
}

// told is what an endpoint is told of the client, and then sent, which it sends back.
func told(t *testing.T, config *tls.Config) (e *pushv1.Endpoint, headers chan *proxyproto.Header) {
	t.Helper()
	headers = make(chan *proxyproto.Header, 1)
	return accepting(t, func(conn *net.TCPConn) {
		var text []byte
		for one := make([]byte, 1); ; {
			if _, err := io.ReadFull(conn, one); err != nil {
				return
			}
			text = append(text, one...)
			h, n, err := proxyproto.Read(text)
			if err != nil {
				t.Error(err)
				return
			}
			if h != nil {
				if n != len(text) {
					t.Errorf("a header of %d bytes is read of %d", n, len(text))
				}
				headers <- h
				break
			}
		}
		var end io.ReadWriter = conn
		if config != nil {
			secret := tls.Server(conn, config)
			if err := secret.Handshake(); err != nil {
				t.Error(err)
				return
			}
			end = secret
		}
		_, _ = io.Copy(end, end)
	}), headers
}

func TestEndpointsAreToldOfClients(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		for _, version := range []pushv1.ProxyProtocolVersion{1, 2} {
			for _, secret := range []bool{false, true} {
				r := startReaching(t, plane)
				settings, config := &pushv1.PoolSettings{}, (*tls.Config)(nil)
				if secret {
					settings, config = inTLS(), r.identity(r.authority, "backend")
				}
				settings.ProxyProtocol = version
				to, headers := told(t, config)
				r.route(settings, patience, to)
				conn := r.dial()
				want := strings.Repeat("hello ", 1<<20)
				go func() {
					_, _ = io.WriteString(conn, want)
					_ = conn.CloseWrite()
				}()
				got, err := io.ReadAll(conn)
				if err != nil || string(got) != want {
					t.Errorf("version %d, secret %t: %d bytes came back of %d, %v", version, secret, len(got), len(want), err)
				}
				h := <-headers
				source, destination := conn.LocalAddr().(*net.TCPAddr).AddrPort(), netip.AddrPortFrom(loopback(), r.port)
				if h.Source != source || h.Destination != destination {
					t.Errorf("version %d: told of %s to %s, want %s to %s", version, h.Source, h.Destination, source, destination)
				}
				if n := r.value("wye_proxy_received_bytes_total", armA()); n != float64(len(want)) {
					t.Errorf("version %d, secret %t: %v bytes counted of %d", version, secret, n, len(want))
				}
			}
		}
	})
}

// What a proxy in front has told goes on to the endpoint: the client, where it connected
// to, and extensions, which version 1 does not have.
func TestWhatIsToldOfClientsIsToldOn(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		in := &proxyproto.Header{
			Source: netip.MustParseAddrPort("[2001:db8::1]:1234"), Destination: netip.MustParseAddrPort("[2001:db8::2]:443"),
			TLVs: []proxyproto.TLV{{Type: 0x02, Value: []byte("shop.example.com")}, {Type: 0xe0, Value: []byte{0, 1, 2}}},
		}
		for _, version := range []pushv1.ProxyProtocolVersion{1, 2} {
			r := startReaching(t, plane)
			to, headers := told(t, nil)
			p := pool("a", to)
			p.Settings = &pushv1.PoolSettings{ProxyProtocol: version}
			config := r.config(leaf("a"), p)
			config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
			if refused := r.try(config); len(refused) > 0 {
				t.Fatal(describe(refused))
			}
			text, err := in.Format(2)
			if err != nil {
				t.Fatal(err)
			}
			conn := r.dial()
			if _, err := conn.Write(append(text, "hello"...)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			want := *in
			if version == 1 {
				want.TLVs = nil
			}
			if diff := cmp.Diff(&want, <-headers, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("version %d (-want +got):\n%s", version, diff)
			}
		}
	})
}
