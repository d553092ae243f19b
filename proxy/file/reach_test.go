// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/proxyproto"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// reaching is a configuration of one server, whose backends are reached in TLS and told
// of clients.
const reaching = `
namers: [{kind: io.l5d.fs, rootDir: DISCO}]
routers:
- label: r
  dtab: '/svc => /#/io.l5d.fs/one'
  servers: [{port: %d, dstName: /svc}]
  client:
    kind: io.l5d.static
    configs:
    - {prefix: /svc, proxyProtocol: 2, tls: {dnsName: backend, trustCerts: [DISCO/ca.pem]}}
    - {prefix: /other, tls: {dnsName: other, trustCerts: [DISCO/ca.pem]}}
`

// secret is the address of a backend that takes a PROXY header, and then TLS with a
// certificate of an authority. It greets with its name and the client's port.
func (w *world) secret(name string, authority *pushtest.Authority) string {
	w.t.Helper()
	pair, err := tls.X509KeyPair(authority.Identity(w.t, "backend"))
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				header := make([]byte, 28) // of version 2 with IPv4
				if _, err := io.ReadFull(c, header); err != nil {
					return
				}
				h, _, err := proxyproto.Read(header)
				if err != nil {
					w.t.Error(err)
					return
				}
				conn := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}})
				fmt.Fprintf(conn, "%s for %d\n", name, h.Source.Port())
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return fmt.Sprintf("127.0.0.1 %d\n", l.Addr().(*net.TCPAddr).Port)
}

func TestBackendsAreReachedInTLSAndToldOfClients(t *testing.T) {
	w, before, after := newWorld(t), pushtest.NewAuthority(t), pushtest.NewAuthority(t)
	w.write("ca.pem", string(before.PEM))
	w.write("one", w.secret("one", before))
	port := uint16(ports.Free(t))
	r := w.run(reaching, port)
	r.shows("/ready", "ready: generation 1 from file, 0 refused")
	check := func(name string) {
		c := w.dial(w.at(port))
		if got, want := c.greeting(), fmt.Sprintf("%s for %d", name, c.LocalAddr().(*net.TCPAddr).Port); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		c.works()
		c.Close()
	}
	check("one")

	// Another authority signs the backend's next certificate.
	w.write("one", w.secret("two", after))
	r.shows("/ready", "ready: generation 2 from file, 0 refused")
	if text, err := w.hears(port); err == nil || text != "" {
		t.Errorf("a stranger was reached, who says %q", text)
	}
	r.shows("/metrics", `wye_proxy_backend_tls_handshake_failures_total{arm="/#/io.l5d.fs/one",listener="tcp/127.0.0.1:`)
	w.write("ca.pem", string(after.PEM))
	for deadline := time.Now().Add(patience); ; {
		if _, err := w.hears(port); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new authority is not trusted")
		}
	}
	check("two")
}

// hears is the first three bytes that a client is sent. One that is refused may know it
// before it knows that it is connected.
func (w *world) hears(port uint16) (string, error) {
	conn, err := net.Dial("tcp", w.at(port))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	text := make([]byte, 3)
	n, err := io.ReadFull(conn, text)
	return string(text[:n]), err
}

// As in linkerd-tcp, nothing is trusted that is not named.
func TestWithoutTrustCertsNobodyIsTrusted(t *testing.T) {
	const text = "routers: [{label: r, dtab: '', servers: [{port: 1, dstName: /x}], client: {kind: io.l5d.global, tls: {dnsName: x}}}]"
	_, warnings, err := linkerdtcp.Parse("f", []byte(text))
	want := "f:1:102: tls of a client has no trustCerts, so no backend is trusted, and none can be reached"
	if err != nil || len(warnings) != 1 || warnings[0] != want {
		t.Errorf("got %v, %q, want %q", err, warnings, want)
	}
}
