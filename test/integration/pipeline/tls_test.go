// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// secured is a place with an authority that its clients trust.
type secured struct {
	*place
	authority *pushtest.Authority
	dir       string
}

func newSecured(t *testing.T, proxies int32) *secured {
	t.Helper()
	s := &secured{place: newPlace(t, proxies), authority: pushtest.NewAuthority(t), dir: t.TempDir()}
	s.file("ca.pem", s.authority.PEM)
	return s
}

// file writes a file and returns its name.
func (s *secured) file(name string, content []byte) string {
	s.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// secret describes a Secret with a new certificate, whose common name is its own.
func (s *secured) secret(name string, hosts ...string) *corev1.Secret {
	s.Helper()
	chain, key := s.authority.Identity(s, append([]string{name}, hosts...)...)
	return &corev1.Secret{
		ObjectMeta: s.meta(name), Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": chain, "tls.key": key},
	}
}

// terminating describes a route that ends TLS, by Secrets.
func (s *secured) terminating(name, dst string, secrets ...string) *v1alpha1.TCPRoute {
	s.Helper()
	r := s.route(name, s.reserve(), dst)
	r.Spec.TLS = &v1alpha1.RouteTLS{}
	for _, secret := range secrets {
		r.Spec.TLS.CertificateRefs = append(r.Spec.TLS.CertificateRefs, v1alpha1.SecretReference{Name: secret})
	}
	return r
}

// web starts a web server that says "reached", and returns the path of its name.
func (s *secured) web() string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(out, "reached "+r.Host+"\n")
		}),
		ReadHeaderTimeout: patience,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = server.Serve(l) }()
	s.Cleanup(func() { server.Close() })
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		s.Fatal(err)
	}
	return s.announce("web", backend{"web", host, port})
}

// run is what a client says, on either output.
func (s *secured) run(stdin, name string, args ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &out, &out
	if err := command.Run(); ctx.Err() != nil || out.Len() == 0 {
		s.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return out.String()
}

// openssl asks for a page.
func (s *secured) openssl(port int32, args ...string) string {
	s.Helper()
	return s.run("GET / HTTP/1.0\r\nHost: x\r\n\r\n", "openssl", append([]string{
		"s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", port), "-CAfile", filepath.Join(s.dir, "ca.pem"), "-verify_return_error", "-ign_eof",
	}, args...)...)
}

// wants expects texts in what a client says.
func (s *secured) wants(reason, out string, texts ...string) {
	s.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			s.Errorf("%s: no %q in:\n%s", reason, text, out)
		}
	}
}

func TestCertificatesComeFromSecrets(t *testing.T) {
	s := newSecured(t, 2)
	route := s.terminating("shop", s.web(), "shop", "wild")
	route.Spec.TLS.ALPNProtocols = []v1alpha1.ALPNProtocol{"http/1.1"}
	s.apply(s.secret("shop", "shop.example.com"), route)
	s.expect(route, not("ResolvedRefs", v1alpha1.ReasonInvalidCertificateRef,
		`spec.tls.certificateRefs[1]: there is no Secret "wild" in namespace "`+s.namespace+`"`))
	s.apply(s.secret("wild", "*.example.com"))
	s.expect(route, ready)
	port := route.Spec.Port

	for _, c := range []struct{ reason, host, want string }{
		{"a name", "shop.example.com", "shop"},
		{"one that a wildcard is for", "other.example.com", "wild"},
		{"one that nobody has", "example.org", "shop"},
		{"none", "", "shop"},
	} {
		args := []string{"-noservername"}
		if c.host != "" {
			args = []string{"-servername", c.host}
		}
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			s.wants(c.reason, s.openssl(port, append(args, version)...), "subject=CN = "+c.want+"\n", "reached x", "Verify return code: 0 (ok)")
		}
	}
	url := fmt.Sprintf("https://shop.example.com:%d", port)
	resolve := fmt.Sprintf("shop.example.com:%d:127.0.0.1", port)
	s.wants("curl", s.run("", "curl", "-sv", "--cacert", filepath.Join(s.dir, "ca.pem"), "--resolve", resolve, url),
		"reached shop.example.com", "SSL connection using TLSv1.3", "server accepted http/1.1")
	s.wants("a protocol that is not spoken", s.openssl(port, "-alpn", "h2"), "no application protocol")
	s.wants("a version of long ago", s.openssl(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "alert protocol version")
	s.wants("a key that is not forgotten", s.openssl(port, "-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-SHA"), "handshake failure")
	s.wants("a cipher without authentication", s.openssl(port, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA"), "handshake failure")

	route.Spec.TLS.MinVersion = v1alpha1.TLS13
	again := s.route("shop", port, route.Spec.Dst)
	again.Spec = route.Spec
	s.apply(again)
	s.expect(again, ready)
	s.wants("1.2 where 1.3 is asked for", s.openssl(port, "-tls1_2"), "alert protocol version")
	s.wants("1.3", s.openssl(port, "-tls1_3"), "reached x")
}

// A client's session goes on at whichever proxy it reaches: there are as many tries as
// make it unlikely that all reach the same.
func TestSessionsAreResumedByEveryProxy(t *testing.T) {
	s := newSecured(t, 3)
	route := s.terminating("shop", s.web(), "shop")
	other := s.terminating("other", s.path("web"), "shop")
	s.apply(s.secret("shop", "shop.example.com"), route, other)
	s.expect(route, ready)
	s.expect(other, ready)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		session := filepath.Join(s.dir, "session"+version)
		s.wants("the first", s.openssl(route.Spec.Port, version, "-sess_out", session), "New, TLSv1.", "reached x")
		for range 16 {
			s.wants("a later one, "+version, s.openssl(route.Spec.Port, version, "-sess_in", session), "Reused, TLSv1.", "reached x")
		}
		s.wants("at another route, "+version, s.openssl(other.Spec.Port, version, "-sess_in", session), "New, TLSv1.", "reached x")
	}

	// Nor does a session end with a controller, or with all proxies; and a successor that
	// has read the keys and certificates anew publishes nothing.
	edge := s.fleet("edge", 3)
	s.get(edge)
	before := edge.Status
	s.restartController(syscall.SIGKILL)
	s.eventually(func() error {
		out := s.openssl(route.Spec.Port, "-tls1_3", "-sess_in", filepath.Join(s.dir, "session-tls1_3"))
		if !strings.Contains(out, "Reused, TLSv1.") || !strings.Contains(out, "reached x") {
			return fmt.Errorf("the session is not resumed: %s", out)
		}
		return nil
	})
	s.metric("wye_controller_proxies", 3, `state="connected"`)
	s.metric("wye_controller_proxies", 0, `state="lagging"`)
	s.get(edge)
	if now := edge.Status; now.ConfigGeneration != before.ConfigGeneration || now.ConfigHash != before.ConfigHash {
		t.Errorf("generation %d (%s) became %d (%s)", before.ConfigGeneration, before.ConfigHash, now.ConfigGeneration, now.ConfigHash)
	}
}

func TestClientsShowCertificates(t *testing.T) {
	s := newSecured(t, 2)
	clients := pushtest.NewAuthority(t)
	bundle := &corev1.ConfigMap{ObjectMeta: s.meta("clients"), Data: map[string]string{"ca.crt": string(clients.PEM)}}
	validation := func(mode v1alpha1.ClientValidationMode, names ...string) *v1alpha1.ClientValidation {
		return &v1alpha1.ClientValidation{
			Mode: mode, CACertificateRefs: []v1alpha1.CAReference{{Name: "clients"}}, SubjectAltNames: names,
		}
	}
	required, optional, named := s.terminating("required", s.web(), "shop"), s.terminating("optional", s.path("web"), "shop"), s.terminating("named", s.path("web"), "shop")
	required.Spec.TLS.ClientValidation = validation("")
	optional.Spec.TLS.ClientValidation = validation(v1alpha1.ClientValidationOptional)
	named.Spec.TLS.ClientValidation = validation(v1alpha1.ClientValidationRequired, "cart.example.com")
	s.apply(s.secret("shop"), bundle, required, optional, named)
	show := func(name string, authority *pushtest.Authority, hosts ...string) []string {
		chain, key := authority.Identity(s, append([]string{name}, hosts...)...)
		return []string{"-cert", s.file(name+".crt", chain), "-key", s.file(name+".key", key)}
	}
	good, cart, strange := show("good", clients), show("cart", clients, "cart.example.com"), show("strange", pushtest.NewAuthority(t))
	for _, c := range []struct {
		reason string
		route  *v1alpha1.TCPRoute
		shows  []string
		want   string
	}{
		{"none where one is required", required, nil, "alert certificate required"},
		{"a good one", required, good, "reached x"},
		{"a stranger's", required, strange, "alert"},
		{"none where it is as the client likes", optional, nil, "reached x"},
		{"a good one where it is as the client likes", optional, good, "reached x"},
		{"a stranger's even so", optional, strange, "alert"},
		{"a good one with a name that is not let in", named, good, "alert"},
		{"a good one with one that is", named, cart, "reached x"},
	} {
		s.expect(c.route, ready)
		s.wants(c.reason, s.openssl(c.route.Spec.Port, append(c.shows, "-tls1_3")...), c.want)
	}

	// Other authorities: who was good is no more, and whose session it was neither.
	session := filepath.Join(s.dir, "session")
	s.wants("a session", s.openssl(required.Spec.Port, append(good, "-tls1_3", "-sess_out", session)...), "reached x")
	others := pushtest.NewAuthority(t)
	bundle.Data["ca.crt"] = string(others.PEM)
	s.apply(&corev1.ConfigMap{ObjectMeta: s.meta("clients"), Data: bundle.Data})
	now := show("now", others)
	s.eventually(func() error {
		if out := s.openssl(required.Spec.Port, append(now, "-tls1_3")...); !strings.Contains(out, "reached x") {
			return fmt.Errorf("the new authority is not trusted: %s", out)
		}
		return nil
	})
	s.expect(required, ready)
	for range 4 {
		out := s.openssl(required.Spec.Port, append(good, "-tls1_3", "-sess_in", session)...)
		if strings.Contains(out, "reached x") || strings.Contains(out, "Reused") {
			t.Errorf("a certificate of an authority that is not trusted any more is good:\n%s", out)
		}
	}
}

// A Secret that is replaced is in force soon, and no connection notices.
func TestASecretIsReplacedUnderLoad(t *testing.T) {
	s := newSecured(t, 3)
	route := s.terminating("shop", s.announce("a", s.serve("a")), "shop")
	s.apply(s.secret("shop", "shop.example.com"), route)
	s.expect(route, ready)
	l := s.startTLSLoad(route.Spec.Port)
	for range 5 {
		next := s.secret("shop", "shop.example.com")
		block, err := x509Leaf(next)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		s.apply(next)
		s.eventually(func() error {
			for range 8 { // of three proxies
				c, err := s.secure(s.Context(), route.Spec.Port)
				if err != nil {
					return err
				}
				is := c.ConnectionState().PeerCertificates[0]
				c.Close()
				if !is.Equal(block) {
					return fmt.Errorf("the certificate is still another, %s after it was replaced", time.Since(began))
				}
			}
			return nil
		})
		t.Logf("in force after %s", time.Since(began).Round(time.Millisecond))
	}

	// What is wrong changes nothing.
	broken := s.secret("shop", "shop.example.com")
	broken.Data["tls.key"] = []byte("lost")
	s.apply(broken)
	s.expect(route, not("ResolvedRefs", v1alpha1.ReasonInvalidCertificateRef, "Secret "+s.namespace+"/shop"), not("Programmed", v1alpha1.ReasonLastGoodForm))
	s.delete(broken)
	s.expect(route, not("ResolvedRefs", v1alpha1.ReasonInvalidCertificateRef, "there is no Secret"))
	s.apply(s.secret("shop", "shop.example.com"))
	s.expect(route, ready)
	l.check()
	s.nothingIsTold()
}

// nothingIsTold expects keys nowhere but in Secrets.
func (s *secured) nothingIsTold() {
	s.Helper()
	objects, err := w.kubectl(s.Context(), "get", "tcproutes,proxyfleets,configmaps,events", "--namespace="+s.namespace, "--output=yaml")
	if err != nil {
		s.Fatal(err)
	}
	texts := map[string]string{"the objects": objects}
	err = filepath.WalkDir(w.dir, func(file string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasPrefix(file, filepath.Join(w.dir, "proxies")) && file != w.log() {
			return err
		}
		text, err := os.ReadFile(file)
		texts[file] = string(text)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	for what, text := range texts {
		if strings.Contains(text, "PRIVATE KEY") {
			s.Errorf("%s has a private key in it", what)
		}
	}
	if len(texts) < 3 {
		s.Errorf("only %d texts were looked at", len(texts))
	}
}

func x509Leaf(secret *corev1.Secret) (*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	return pair.Leaf, err
}

// secure connects in TLS, with a session of its own.
func (s *secured) secure(ctx context.Context, port int32) (*tls.Conn, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.authority.PEM)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "shop.example.com"}}
	c, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	return c.(*tls.Conn), nil
}

// startTLSLoad is startLoad in TLS.
func (s *secured) startTLSLoad(port int32) *load {
	s.Helper()
	held := conns{place: s.place}
	for range loadHeld {
		c, err := s.secure(s.Context(), port)
		if err != nil {
			s.Fatal(err)
		}
		s.Cleanup(func() { c.Close() })
		held.all = append(held.all, &conn{c, bufio.NewReader(c)})
	}
	return s.startLoadOf(held, func(ctx context.Context) error {
		c, err := s.secure(ctx, port)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = (&conn{c, bufio.NewReader(c)}).ask()
		return err
	})
}
