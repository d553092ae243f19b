// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// The texts of crypto/tls are held against its own handshakes.
func TestWhyAHandshakeFailed(t *testing.T) {
	w := newWorld(t)
	w.put("one", "a.example.com")
	clients := pushtest.NewAuthority(t)
	w.bundle("clients", clients)
	cas, err := w.store.CAs([]string{"clients"})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.authority.PEM)
	trusting := func(change func(*tls.Config)) func(net.Conn) {
		config := &tls.Config{RootCAs: roots, ServerName: "a.example.com"}
		change(config)
		return func(c net.Conn) {
			_ = tls.Client(c, config).Handshake()
			_, _ = c.Read(make([]byte, 1)) // what the server says in the end
		}
	}
	showing := func(a *pushtest.Authority) func(*tls.Config) {
		pair, err := tls.X509KeyPair(a.Identity(t, "client"))
		if err != nil {
			t.Fatal(err)
		}
		return func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
	}
	plain := tlsconf.Server{Default: "one"}
	asking := tlsconf.Server{Default: "one", Clients: tlsconf.Clients{CAs: cas, Required: true}}
	named := tlsconf.Server{Default: "one", Clients: tlsconf.Clients{CAs: cas, Required: true, Names: []string{"other"}}}
	for _, c := range []struct {
		want   tlsconf.Reason
		server tlsconf.Server
		client func(net.Conn)
	}{
		{tlsconf.NoCertificate, asking, trusting(func(*tls.Config) {})},
		{tlsconf.BadCertificate, asking, trusting(showing(pushtest.NewAuthority(t)))},
		{tlsconf.BadCertificate, named, trusting(showing(clients))},
		{tlsconf.NoVersion, plain, trusting(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })},
		{tlsconf.NoCipher, plain, trusting(func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		})},
		{tlsconf.NoProtocol, tlsconf.Server{Default: "one", Protocols: []string{"redis"}}, trusting(func(c *tls.Config) { c.NextProtos = []string{"h2"} })},
		{tlsconf.NoIdentity, tlsconf.Server{Identities: map[string]string{"b.example.com": "one"}}, trusting(func(*tls.Config) {})},
		{tlsconf.ClientRefused, plain, trusting(func(c *tls.Config) { c.RootCAs = nil })},
		{tlsconf.NotTLS, plain, func(c net.Conn) { _, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }},
		{tlsconf.ClientLeft, plain, func(c net.Conn) {}},
	} {
		near, far := pipe(t)
		go func() {
			c.client(far)
			far.Close()
		}()
		if err := near.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		err := tls.Server(near, w.config(c.server)).Handshake()
		near.Close()
		if got := tlsconf.ReasonOf(err); got != c.want {
			t.Errorf("%v is %s, want %s", err, got, c.want)
		}
	}

	near, _ := pipe(t)
	if err := near.SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := tls.Server(near, w.config(plain)).Handshake(); tlsconf.ReasonOf(err) != tlsconf.TooLate {
		t.Errorf("%v is %s", err, tlsconf.ReasonOf(err))
	}
	if got := tlsconf.ReasonOf(errors.New("what")); got != tlsconf.OtherReason {
		t.Errorf("an unknown error is %s", got)
	}
	seen := map[string]bool{}
	for r := range tlsconf.Reasons {
		seen[fmt.Sprint(r)] = true
	}
	if len(seen) != int(tlsconf.Reasons) || seen[""] {
		t.Errorf("reasons are called %v", seen)
	}
}

// pipe is the two ends of a connection on loopback.
func pipe(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return near, far
}
