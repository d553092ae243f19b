// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/proxy/tlsconf"
)

func TestTheIdentityIsTheOneThatTheClientAsksFor(t *testing.T) {
	w := newWorld(t)
	w.put("one", "a.example.com")
	w.put("wild", "*.example.com")
	w.put("other", "localhost")
	hosts := map[string]string{"a.example.com": "one", "*.Example.com": "wild"}
	address := w.serve(w.config(tlsconf.Server{Identities: hosts, Default: "other"}))
	strict := w.serve(w.config(tlsconf.Server{Identities: hosts}))
	for _, c := range []struct{ reason, host, want, strictly string }{
		{"a host name", "a.example.com", "one", "one"},
		{"in other letters", "A.EXAMPLE.com", "one", "one"},
		{"one that a wildcard is for", "b.example.com", "wild", "wild"},
		{"a wildcard is one label", "c.b.example.com", "other", ""},
		{"and not none", "example.com", "other", ""},
		{"somebody else's", "a.example.org", "other", ""},
		{"no name", "", "other", ""},
	} {
		args := []string{"-noservername"}
		if c.host != "" {
			args = []string{"-servername", c.host}
		}
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			args := append(args, version)
			w.wants(c.reason, w.openssl(address, args...), "subject=CN = "+c.want+"\n", "reached "+c.host+"\n", "Verify return code: 0 (ok)")
			if c.strictly == "" {
				w.wants(c.reason+", and no default", w.openssl(strict, args...), "unrecognized name", "SSL alert number 112")
			} else {
				w.wants(c.reason+", and no default", w.openssl(strict, args...), "subject=CN = "+c.strictly+"\n")
			}
		}
	}
}

func TestCurlIsServed(t *testing.T) {
	w := newWorld(t)
	w.put("wild", "*.example.com")
	address := w.serve(w.config(tlsconf.Server{Identities: map[string]string{"*.example.com": "wild"}, Protocols: []string{"http/1.1"}}))
	host := strings.Replace(address, "127.0.0.1", "a.example.com", 1)
	out := w.run("", "curl", "-sv", "--cacert", w.path("ca.pem"), "--resolve", host+":127.0.0.1", "https://"+host)
	w.wants("curl", out, "reached a.example.com\n", "SSL connection using TLSv1.3", "server accepted http/1.1")
	elsewhere := strings.Replace(address, "127.0.0.1", "a.example.org", 1)
	out = w.run("", "curl", "-sv", "--cacert", w.path("ca.pem"), "--resolve", elsewhere+":127.0.0.1", "https://"+elsewhere)
	w.wants("a host that is nobody's", out, "unrecognized name")
}

// rsaIdentity is an identity with an RSA key, signed by itself.
func rsaIdentity(t *testing.T) (chain, key []byte) {
	t.Helper()
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"rsa"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(signer)})
}

func TestOldVersionsAndCiphersWithoutForwardSecrecyAreRefused(t *testing.T) {
	w := newWorld(t)
	w.put("ec")
	identity, err := tlsconf.Parse(rsaIdentity(t))
	if err != nil {
		t.Fatal(err)
	}
	w.store.Put("rsa", identity)
	ec := w.serve(w.config(tlsconf.Server{Default: "ec"}))
	rsa := w.serve(w.config(tlsconf.Server{Default: "rsa"}))
	for _, c := range []struct{ address, args, want string }{
		{ec, "-tls1_1 -cipher ALL@SECLEVEL=0", "SSL alert number 70"}, // protocol_version
		{ec, "-tls1 -cipher ALL@SECLEVEL=0", "SSL alert number 70"},
		{ec, "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", "SSL alert number 40"}, // handshake_failure
		{rsa, "-tls1_2 -cipher AES128-GCM-SHA256", "SSL alert number 40"},
		{rsa, "-tls1_2 -cipher AES256-SHA", "SSL alert number 40"},
		{rsa, "-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256", "SSL alert number 40"},
		{rsa, "-tls1_2 -cipher ECDHE-RSA-AES128-SHA256", "SSL alert number 40"},
		{ec, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"},
		{ec, "-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384", "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"},
		{rsa, "-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", "New, TLSv1.2, Cipher is ECDHE-RSA-CHACHA20-POLY1305"},
		{ec, "-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", "New, TLSv1.3, Cipher is TLS_CHACHA20_POLY1305_SHA256"},
	} {
		args := append(strings.Fields(c.args), "-no_ign_eof", "-verify_quiet")
		out := w.run("GET / HTTP/1.0\r\n\r\n", "openssl", append([]string{"s_client", "-connect", c.address}, args...)...)
		w.wants(c.args, out, c.want)
	}
}

func TestTheServerPrefersItsProtocols(t *testing.T) {
	w := newWorld(t)
	w.put("one")
	address := w.serve(w.config(tlsconf.Server{Default: "one", Protocols: []string{"redis", "http/1.1"}}))
	w.wants("two that both know", w.openssl(address, "-alpn", "http/1.1,redis"), "ALPN protocol: redis\n")
	w.wants("one", w.openssl(address, "-alpn", "x,http/1.1"), "ALPN protocol: http/1.1\n")
	w.wants("none", w.openssl(address), "No ALPN negotiated\n", "reached")
	w.wants("unknown ones", w.openssl(address, "-alpn", "x"), "SSL alert number 120") // no_application_protocol
	open := w.serve(w.config(tlsconf.Server{Default: "one"}))
	w.wants("a server without", w.openssl(open, "-alpn", "x"), "No ALPN negotiated\n", "reached")
}

func TestSessionsAreResumed(t *testing.T) {
	w := newWorld(t)
	w.put("one")
	key, other := [32]byte{1}, [32]byte{2}
	config, twin := w.config(tlsconf.Server{Default: "one"}), w.config(tlsconf.Server{Default: "one"})
	address, elsewhere := w.serve(config), w.serve(twin)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		session := w.path("session" + version)
		said := strings.Replace(version, "-tls1_", "TLSv1.", 1)
		again := func(address string) string { return w.openssl(address, version, "-sess_in", session) }

		w.wants("first", w.openssl(address, version, "-sess_out", session), "New, "+said, "reached")
		w.wants("second", again(address), "Reused, "+said, "reached")
		w.wants("at one with other keys", again(elsewhere), "New, "+said, "reached")
		w.put("one")
		w.wants("after a rotation", again(address), "Reused, "+said, "reached")

		config.SetSessionTicketKeys([][32]byte{key})
		twin.SetSessionTicketKeys([][32]byte{other, key})
		w.wants("with new keys", w.openssl(address, version, "-sess_out", session), "New, "+said)
		w.wants("at one that shares a key", again(elsewhere), "Reused, "+said, "reached")
		twin.SetSessionTicketKeys([][32]byte{other})
		w.wants("when the key is gone", again(elsewhere), "New, "+said, "reached")
	}
}

func TestClientsShowCertificates(t *testing.T) {
	w := newWorld(t)
	w.put("one")
	cas := x509.NewCertPool()
	cas.AppendCertsFromPEM(w.authority.PEM)
	require := func(c tlsconf.Clients) string { return w.serve(w.config(tlsconf.Server{Default: "one", Clients: c})) }
	show := func(name string, chain, key []byte) []string {
		return []string{"-cert", w.write(name+".pem", chain), "-key", w.write(name+".key", key)}
	}
	chain, key := w.authority.Identity(t, "friend", "also")
	friend := show("friend", chain, key)
	chain, key = w.authority.Identity(t, "foe")
	foe := show("foe", chain, key)
	chain, key = newWorld(t).authority.Identity(t, "friend")
	stranger := show("stranger", chain, key)

	required, optional := require(tlsconf.Clients{CAs: cas, Required: true}), require(tlsconf.Clients{CAs: cas})
	named := require(tlsconf.Clients{CAs: cas, Names: []string{"also"}})
	for _, c := range []struct {
		reason, address string
		client          []string
		want            string
	}{
		{"required and shown", required, friend, "reached"},
		{"required, for nobody in particular", required, foe, "reached"},
		{"required and not there", required, nil, "SSL alert number 116"},             // certificate_required
		{"required, and another's signature", required, stranger, "SSL alert number"}, // unknown_ca or bad_certificate
		{"optional and not there", optional, nil, "reached"},
		{"optional and shown", optional, friend, "reached"},
		{"optional, and another's signature", optional, stranger, "SSL alert number"},
		{"for a name", named, friend, "reached"},
		{"for another name", named, foe, "SSL alert number 42"}, // bad_certificate
		{"optional with names, and not there", named, nil, "reached"},
	} {
		w.wants(c.reason, w.openssl(c.address, append(c.client, "-tls1_3")...), c.want)
	}
}

func TestRotationIsForNewConnections(t *testing.T) {
	w := newWorld(t)
	w.put("one")
	l, err := tls.Listen("tcp", "127.0.0.1:0", w.config(tlsconf.Server{Default: "one"}))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.authority.PEM)
	dial := func() *tls.Conn {
		dialer := &net.Dialer{Timeout: patience}
		conn, err := tls.DialWithDialer(dialer, "tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "one"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	works := func(conn *tls.Conn) {
		t.Helper()
		_ = conn.SetDeadline(time.Now().Add(patience))
		got := make([]byte, 4)
		if _, err := conn.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "ping" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	serial := func(conn *tls.Conn) string { return conn.ConnectionState().PeerCertificates[0].SerialNumber.String() }
	old := dial()
	works(old)
	w.put("one")
	fresh := dial()
	works(old)
	works(fresh)
	if serial(old) == serial(fresh) {
		t.Error("the new connection has the old certificate")
	}
}

func TestSettingsThatContradictThemselvesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.put("one")
	for want, o := range map[string]tlsconf.Server{
		"TLS needs an identity":                                           {},
		`identity "x" is not there`:                                       {Default: "x"},
		`identity "x" of a.b is not there`:                                {Identities: map[string]string{"a.b": "x"}},
		"host name a.b has two identities":                                {Identities: map[string]string{"a.b": "one", "A.b": "one"}},
		"certificates of clients need a CA bundle":                        {Default: "one", Clients: tlsconf.Clients{Required: true}},
		`ALPN protocol "" is not of 1 to 255 bytes`:                       {Default: "one", Protocols: []string{""}},
		`ALPN protocol "a" comes twice`:                                   {Default: "one", Protocols: []string{"a", "a"}},
		"65 ALPN protocols are more than 64":                              {Default: "one", Protocols: make([]string, 65)},
		`host name "a..b": "" is not a label of letters, digits, - and _`: {Identities: map[string]string{"a..b": "one"}},
	} {
		if _, err := w.store.Server(o); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestHostNamesAreChecked(t *testing.T) {
	for _, host := range []string{"a", "a.b", "*.a", "A-1_b.xn--bcher-kva.example", "1.a", strings.Repeat("a.", 126) + "a"} {
		if err := tlsconf.CheckHost(host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, host := range []string{
		"", "*", "*.", ".a", "a.", "a..b", "a*.b", "*.*.b", "a.*", "-a", "a-", "a b", "bücher.example", "10.0.0.1", "::1",
		strings.Repeat("a", 64), strings.Repeat("a.", 127), "*.10.0.0.1",
	} {
		if err := tlsconf.CheckHost(host); err == nil {
			t.Errorf("%q is taken", host)
		}
	}
}

func TestOfAnIdentityOnlyItsDatesAreShown(t *testing.T) {
	w := newWorld(t)
	chain, key := w.authority.Identity(t, "one")
	identity, err := tlsconf.Parse(append(chain, w.authority.PEM...), key)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("x", "identity", identity)
	}
	fmt.Fprintf(&out, "%v %+v %#v %+v", identity, identity, identity, struct{ I *tlsconf.Identity }{identity})
	for _, secret := range []string{"PRIVATE", "BEGIN", "D:", "CERTIFICATE"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q in %s", secret, out.String())
		}
	}
	now := time.Now()
	got := []bool{identity.Check(now) == nil, identity.Check(identity.Expires.Add(time.Second)) == nil, identity.Check(now.Add(-2*time.Hour)) == nil}
	if diff := cmp.Diff([]bool{true, false, false}, got); diff != "" {
		t.Errorf("good now, later, before (-want +got):\n%s", diff)
	}
}
