// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// secure connects to a port by TLS, and has been greeted.
func (w *world) secure(port uint16, authority *pushtest.Authority, host string) (*client, *x509.Certificate) {
	w.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	dialer := &net.Dialer{Timeout: patience}
	conn, err := tls.DialWithDialer(dialer, "tcp", w.at(port), &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{"redis"}})
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.over(conn)
	c.greeting()
	return c, conn.ConnectionState().PeerCertificates[0]
}

func TestTLSOfClientsEndsAtTheProxy(t *testing.T) {
	w, a := newWorld(t), pushtest.NewAuthority(t)
	w.write("one", w.backend("one"))
	w.write("ca.pem", string(a.PEM))
	w.identify(a, "own", "localhost")
	w.identify(a, "wild", "*.example.com")
	port := uint16(ports.Free(t))
	r := w.run(ending, port)
	r.shows("/ready", "ready")

	old, before := w.secure(port, a, "a.example.com")
	old.works()
	if own, certificate := w.secure(port, a, "localhost"); certificate.Subject.CommonName != "localhost" {
		t.Errorf("the default is %s", certificate.Subject)
	} else {
		own.works()
	}

	// The certificate is rotated under open connections.
	w.identify(a, "wild", "*.example.com")
	for deadline := time.Now().Add(patience); ; {
		fresh, now := w.secure(port, a, "b.example.com")
		fresh.works()
		fresh.Close()
		if now.SerialNumber.Cmp(before.SerialNumber) != 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not taken")
		}
	}
	old.works()

	// What does not speak TLS gets nothing from the backend.
	plain := w.dial(w.at(port))
	_, _ = io.WriteString(plain, "GET / HTTP/1.0\r\n\r\n")
	if text, _ := io.ReadAll(plain); strings.Contains(string(text), "one") {
		t.Errorf("in the clear: %q", text)
	}
}

func TestOpensslIsServedAndResumesItsSession(t *testing.T) {
	w, a := newWorld(t), pushtest.NewAuthority(t)
	w.write("one", w.backend("one"))
	w.write("ca.pem", string(a.PEM))
	w.identify(a, "own", "localhost")
	w.identify(a, "wild", "*.example.com")
	port := uint16(ports.Free(t))
	r := w.run(ending, port)
	r.shows("/ready", "ready")
	session := filepath.Join(w.disco, "session")
	openssl := func(args ...string) string {
		// At the end of its input it closes its half; the backend then ends the other.
		command := exec.CommandContext(t.Context(), "openssl", append([]string{
			"s_client", "-connect", w.at(port), "-CAfile", filepath.Join(w.disco, "ca.pem"), "-verify_return_error",
			"-servername", "a.example.com", "-alpn", "redis",
		}, args...)...)
		command.Stdin = strings.NewReader("")
		out, _ := command.CombinedOutput() // what it says tells more than how it ends
		return string(out)
	}
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		first := openssl(version, "-sess_out", session)
		for _, text := range []string{"subject=CN = *.example.com", "ALPN protocol: redis", "Verify return code: 0 (ok)", "New, "} {
			if !strings.Contains(first, text) {
				t.Errorf("%s: no %q in:\n%s", version, text, first)
			}
		}
		if second := openssl(version, "-sess_in", session); !strings.Contains(second, "Reused, ") {
			t.Errorf("%s: not resumed:\n%s", version, second)
		}
	}
}
