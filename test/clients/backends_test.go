// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

// backends are servers that a proxy reaches in TLS, or tells of clients.
type backends struct {
	t         *testing.T
	proxy     string // the program
	dir       string
	authority *pushtest.Authority
}

func newBackends(t *testing.T, proxy string) *backends {
	t.Helper()
	b := &backends{t: t, proxy: proxy, dir: t.TempDir(), authority: pushtest.NewAuthority(t)}
	b.write("ca.pem", b.authority.PEM)
	b.identify("own", "backend.example.com")
	return b
}

func (b *backends) path(name string) string { return filepath.Join(b.dir, name) }

func (b *backends) write(name string, text []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), text, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// identify writes a certificate and its key into NAME.pem and NAME.key, and both into NAME.both.
func (b *backends) identify(name, host string) {
	b.t.Helper()
	chain, key := b.authority.Identity(b.t, host)
	b.keep(name, chain, key)
}

func (b *backends) keep(name string, chain, key []byte) {
	b.t.Helper()
	b.write(name+".pem", chain)
	b.write(name+".key", key)
	b.write(name+".both", append(chain, key...))
}

// through is the port of a proxy on an address before endpoints, and its admin port.
// server and client are what its configuration says of either side.
func (b *backends) through(address, server, client string, endpoints ...string) (port, admin int) {
	b.t.Helper()
	port, admin = ports.Free(b.t), ports.Free(b.t)
	disco := b.t.TempDir()
	if err := os.WriteFile(filepath.Join(disco, "backend"), []byte(strings.Join(endpoints, "\n")+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.write("wye.yml", []byte(strings.ReplaceAll(fmt.Sprintf(`admin: {ip: 127.0.0.1, port: %d}
namers: [{kind: io.l5d.fs, rootDir: %s}]
routers:
- label: clients
  dtab: /svc => /#/io.l5d.fs/backend ;
  servers:
  - {ip: '%s', port: %d, dstName: /svc, %s}
  client: {kind: io.l5d.global, %s}
`, admin, disco, address, port, server, client), "DIR", b.dir)))
	serve(b.t, exec.CommandContext(b.t.Context(), b.proxy, b.path("wye.yml")), "msg=listening")
	return port, admin
}

const (
	inTLS  = `tls: {dnsName: backend.example.com, trustCerts: [DIR/ca.pem]}`
	endTLS = `tls: {defaultIdentity: {certs: [DIR/own.pem], privateKey: DIR/own.key}}`
)

// redis starts a server that speaks TLS alone.
func (b *backends) redis() (port int) {
	b.t.Helper()
	port = ports.Free(b.t)
	serve(b.t, exec.CommandContext(b.t.Context(), program(b.t, "redis-server", "redis-server"), "--bind", "127.0.0.1",
		"--port", "0", "--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no",
		"--tls-cert-file", b.path("own.pem"), "--tls-key-file", b.path("own.key"), "--tls-ca-cert-file", b.path("ca.pem"),
		"--save", "", "--appendonly", "no", "--enable-debug-command", "local", "--dir", b.t.TempDir()), "Ready to accept connections")
	return port
}

func at(port int) string { return fmt.Sprint("127.0.0.1 ", port) }

func TestRedisInTLS(t *testing.T) {
	b := newBackends(t, build(t))
	cli, server := program(t, "redis-cli", "redis-tools"), b.redis()
	script, err := os.ReadFile("testdata/session.redis")
	if err != nil {
		t.Fatal(err)
	}
	secret := slices.Clip([]string{"--tls", "--cacert", b.path("ca.pem"), "--sni", "backend.example.com"})
	session := func(port int, args ...string) string {
		run(t, "", cli, append([]string{"-p", strconv.Itoa(server)}, append(secret, "FLUSHALL")...)...)
		shown := run(t, string(script)+large(), cli, append([]string{"-p", strconv.Itoa(port)}, args...)...)
		return shown + run(t, "", cli, append([]string{"-p", strconv.Itoa(server)}, append(secret, "DEBUG", "DIGEST")...)...)
	}
	direct := session(server, secret...)
	clear, _ := b.through("127.0.0.1", "", inTLS, at(server))
	same(t, "redis-cli, in the clear to the proxy", direct, session(clear))
	both, _ := b.through("127.0.0.1", endTLS, inTLS, at(server))
	same(t, "redis-cli, in TLS to the proxy", direct, session(both, secret...))
	run(t, massInsertion(), cli, "-p", strconv.Itoa(clear), "--pipe")
	run(t, massInsertion(), cli, append([]string{"-p", strconv.Itoa(both), "--pipe"}, secret...)...)
}

// Endpoints that TLS fails with are passed over for one that is right.
func TestBackendsOfOpensslThatAreNotTrusted(t *testing.T) {
	b := newBackends(t, build(t))
	openssl := program(t, "openssl", "openssl")
	b.identify("named", "another.example.com")
	chain, key := b.authority.Expired(t, "backend.example.com")
	b.keep("expired", chain, key)
	chain, key = pushtest.NewAuthority(t).Identity(t, "backend.example.com")
	b.keep("unknown", chain, key)
	endpoints := []string{at(b.redis())}
	for _, identity := range []string{"named", "expired", "unknown"} {
		port := ports.Free(t)
		serve(t, exec.CommandContext(t.Context(), openssl, "s_server", "-accept", strconv.Itoa(port), "-quiet", "-naccept", "1000",
			"-cert", b.path(identity+".pem"), "-key", b.path(identity+".key"), "-rev"), "")
		awaitPort(t, port)
		endpoints = append(endpoints, at(port))
	}
	port, admin := b.through("127.0.0.1", "", inTLS, endpoints...)
	for range 20 {
		if got := run(t, "", program(t, "redis-cli", "redis-tools"), "-p", strconv.Itoa(port), "PING"); got != "PONG\n" {
			t.Errorf("got %q", got)
		}
	}
	if failed := metric(t, admin, "wye_proxy_backend_tls_handshake_failures_total"); failed == "0" {
		t.Error("no handshake has failed")
	}
	if failed := metric(t, admin, `outcome="connect_failed"`); failed != "0" {
		t.Errorf("%s connections failed", failed)
	}
}

// awaitPort waits until somebody accepts on a port.
func awaitPort(t *testing.T, port int) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// metric is the value of the first series whose line has a text.
func metric(t *testing.T, admin int, text string) string {
	t.Helper()
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", admin))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "#") && strings.Contains(line, text) {
			return strings.TrimSpace(line[strings.LastIndexByte(line, ' '):])
		}
	}
	t.Fatalf("no metric has %q", text)
	return ""
}
