// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// trust puts the certificate of an authority into the store.
func (w *world) trust(name string, authorities ...*pushtest.Authority) {
	w.t.Helper()
	var text []byte
	for _, a := range authorities {
		text = append(text, a.PEM...)
	}
	bundle, err := tlsconf.ParseBundle(text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.PutBundle(name, bundle)
}

func (w *world) outgoing(c tlsconf.Client) *tlsconf.Outgoing {
	w.t.Helper()
	o, err := w.store.Client(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// shake shakes hands with a server behind a config, at an address of its own.
func (w *world) shake(o *tlsconf.Outgoing, server *tls.Config, endpoint string) (tls.ConnectionState, error) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.DialTimeout("tcp", l.Addr().String(), patience)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = ours.SetDeadline(time.Now().Add(patience))
	done := make(chan struct{})
	go func() {
		defer close(done)
		theirs, err := l.Accept()
		if err != nil {
			return
		}
		defer theirs.Close()
		_ = theirs.SetDeadline(time.Now().Add(patience))
		conn := tls.Server(theirs, server)
		if conn.Handshake() == nil {
			_, _ = io.WriteString(conn, "x") // with which a ticket has come
			_, _ = conn.Read(make([]byte, 1))
		}
	}()
	defer func() { ours.Close(); <-done }()
	conn := tls.Client(ours, o.Config(netip.MustParseAddrPort(endpoint)))
	if err := conn.Handshake(); err != nil {
		return tls.ConnectionState{}, err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.ConnectionState(), nil
}

const someEndpoint = "127.0.0.1:1"

// backend is the config of a server with a new certificate for hosts.
func (w *world) backend(by *pushtest.Authority, hosts ...string) *tls.Config {
	w.t.Helper()
	pair, err := tls.X509KeyPair(by.Identity(w.t, hosts...))
	if err != nil {
		w.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func TestEndpointsAreHeldAgainstWhatIsAskedOfThem(t *testing.T) {
	w := newWorld(t)
	stranger := pushtest.NewAuthority(t)
	w.trust("ours", w.authority)
	w.trust("theirs", stranger)
	w.trust("both", stranger, w.authority)
	old := w.backend(w.authority, "a.example.com")
	old.MaxVersion = tls.VersionTLS12
	for _, c := range []struct {
		reason string
		client tlsconf.Client
		server *tls.Config
		wants  string // in the error; empty: none
	}{
		{"its name", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"ours"}}, w.backend(w.authority, "a.example.com"), ""},
		{"its wildcard", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"ours"}}, w.backend(w.authority, "*.example.com"), ""},
		{"two authorities", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"both"}}, w.backend(w.authority, "a.example.com"), ""},
		{"two bundles", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"theirs", "ours"}}, w.backend(w.authority, "a.example.com"), ""},
		{"another name", tlsconf.Client{ServerName: "b.example.com", Bundles: []string{"ours"}}, w.backend(w.authority, "a.example.com"), "not b.example.com"},
		{"another authority", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"theirs"}}, w.backend(w.authority, "a.example.com"), "unknown authority"},
		{"the system's roots", tlsconf.Client{ServerName: "a.example.com"}, w.backend(w.authority, "a.example.com"), "x509: "},
		{"another name of it", tlsconf.Client{ServerName: "x", Bundles: []string{"ours"}, SubjectAltNames: []string{"y", "a.example.com"}}, w.backend(w.authority, "a.example.com"), ""},
		{"a name and no SNI", tlsconf.Client{Bundles: []string{"ours"}, SubjectAltNames: []string{"a.example.com"}}, w.backend(w.authority, "*.example.com"), ""},
		{"none of the names", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"ours"}, SubjectAltNames: []string{"y", "spiffe://z"}}, w.backend(w.authority, "a.example.com"), "is for a.example.com, and for none of the names asked for: y, spiffe://z"},
		{"a name by a stranger", tlsconf.Client{Bundles: []string{"theirs"}, SubjectAltNames: []string{"a.example.com"}}, w.backend(w.authority, "a.example.com"), "unknown authority"},
		{"TLS 1.2", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"ours"}}, old, ""},
		{"TLS 1.2 where 1.3 is asked for", tlsconf.Client{ServerName: "a.example.com", Bundles: []string{"ours"}, MinVersion: tls.VersionTLS13}, old, "protocol version"},
	} {
		state, err := w.shake(w.outgoing(c.client), c.server, someEndpoint)
		if (err == nil) != (c.wants == "") || err != nil && !strings.Contains(err.Error(), c.wants) {
			t.Errorf("%s: got %v, want %q", c.reason, err, c.wants)
		}
		if err == nil && state.Version < tls.VersionTLS12 {
			t.Errorf("%s: version %#x", c.reason, state.Version)
		}
	}
}

func TestSessionsWithAnEndpointAreResumed(t *testing.T) {
	w := newWorld(t)
	w.trust("ours", w.authority)
	for _, c := range []tlsconf.Client{
		{ServerName: "a", Bundles: []string{"ours"}},
		{Bundles: []string{"ours"}, SubjectAltNames: []string{"a"}},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			o, server := w.outgoing(c), w.backend(w.authority, "a")
			server.MaxVersion = version
			resumed := func(endpoint string) bool {
				state, err := w.shake(o, server, endpoint)
				if err != nil {
					t.Fatal(err)
				}
				return state.DidResume
			}
			got := []bool{resumed("127.0.0.1:1"), resumed("127.0.0.1:1"), resumed("127.0.0.1:2"), resumed("127.0.0.1:2")}
			if !slices.Equal(got, []bool{false, true, false, true}) {
				t.Errorf("%+v, version %#x: resumed %v", c, version, got)
			}
			w.trust("ours", w.authority) // again
			if resumed("127.0.0.1:1") {
				t.Errorf("%+v, version %#x: a session outlives what was trusted", c, version)
			}
		}
	}
}

func TestWhatIsPutAgainIsInForceForTheNextHandshake(t *testing.T) {
	w := newWorld(t)
	other := pushtest.NewAuthority(t)
	w.trust("ca", w.authority)
	w.put("me", "me")
	o := w.outgoing(tlsconf.Client{ServerName: "a", Bundles: []string{"ca"}, Identity: "me"})
	shown := make(chan string, 1)
	server := func(by *pushtest.Authority) *tls.Config {
		config := w.backend(by, "a")
		config.ClientAuth = tls.RequireAnyClientCert
		config.VerifyConnection = func(state tls.ConnectionState) error {
			shown <- state.PeerCertificates[0].SerialNumber.String()
			return nil
		}
		return config
	}
	if _, err := w.shake(o, server(w.authority), someEndpoint); err != nil {
		t.Fatal(err)
	}
	first := <-shown
	w.put("me", "me")
	w.trust("ca", other)
	if _, err := w.shake(o, server(other), someEndpoint); err != nil {
		t.Fatal(err)
	}
	if second := <-shown; first == second {
		t.Error("the identity from before is shown")
	}
	if _, err := w.shake(o, server(w.authority), someEndpoint); err == nil {
		t.Error("the authority from before is trusted")
	}
}

func TestSettingsOfClientsThatContradictThemselvesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.trust("ca", w.authority)
	for wants, c := range map[string]tlsconf.Client{
		"TLS to endpoints needs a server name, or subjectAltNames":           {Bundles: []string{"ca"}},
		`trust bundle "x" is not there`:                                      {ServerName: "a", Bundles: []string{"ca", "x"}},
		`identity "x" is not there`:                                          {ServerName: "a", Identity: "x"},
		`server name "*.a" has a wildcard: endpoints are asked for one name`: {ServerName: "*.a"},
		`host name "a b": "a b" is not a label of letters, digits, - and _`:  {ServerName: "a b"},
		"minimum version 0x0301 is neither TLS 1.2 nor 1.3":                  {ServerName: "a", MinVersion: tls.VersionTLS10},
		`ALPN protocol "h" comes twice`:                                      {ServerName: "a", Protocols: []string{"h", "h"}},
		"one of the subjectAltNames is empty":                                {SubjectAltNames: []string{""}},
		"65 subjectAltNames are more than 64":                                {SubjectAltNames: make([]string, 65)},
	} {
		if _, err := w.store.Client(c); err == nil || err.Error() != wants {
			t.Errorf("got %v, want %s", err, wants)
		}
	}
	for _, name := range []string{"10.0.0.1", "fd00::1", "a", "A.example.com"} {
		if _, err := w.store.Client(tlsconf.Client{ServerName: name}); err != nil {
			t.Error(err)
		}
	}
}

func TestBundlesAreCertificatesOnly(t *testing.T) {
	w := newWorld(t)
	chain, key := w.authority.Identity(t, "a")
	good := string(w.authority.PEM)
	for _, c := range []struct{ text, wants string }{
		{good, ""},
		{"# Authority\n" + good + "\nand another:\n" + string(chain), ""},
		{"", "the bundle has no certificate in PEM (-----BEGIN CERTIFICATE-----)"},
		{good + string(key), "a bundle of certificates has a private key in it, which does not belong there"},
		{good + "-----BEGIN CERTIFICATE-----\nx", "what follows certificate 1 of the bundle is not in PEM"},
		{strings.ReplaceAll(good, "CERTIFICATE", "X509 CRL"), `a bundle can have certificates only, and this has a "X509 CRL"`},
		{strings.Repeat(" ", 1<<20+1), "a bundle of 1048577 bytes is larger than 1048576: leave only what is needed in it"},
		{strings.Repeat(good, 1001), "the bundle has more than 1000 certificates: leave only what is needed in it"},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 of the bundle: x509: malformed certificate"},
	} {
		got := ""
		if _, err := tlsconf.ParseBundle([]byte(c.text)); err != nil {
			got = err.Error()
		}
		if got != c.wants {
			t.Errorf("got %q, want %q", got, c.wants)
		}
	}
}

func FuzzParseBundle(f *testing.F) {
	f.Add(pushtest.NewAuthority(f).PEM)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := tlsconf.ParseBundle(text)
		if (err == nil) != (b != nil && b.Len() > 0) {
			t.Errorf("%v with error %v", b, err)
		}
	})
}
