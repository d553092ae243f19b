// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/test/ports"
)

// reporter starts a server that takes PROXY headers, and answers who is at the ends of a
// connection: the client's address and port, and those that it connected to. secret
// says whether the rest is in TLS.
type reporter func(b *backends, address string, secret bool) (port int)

// haproxy answers in HTTP.
func haproxy(b *backends, address string, secret bool) int {
	b.t.Helper()
	port, tls := ports.Free(b.t), ""
	if secret {
		tls = "ssl crt " + b.path("own.both")
	}
	b.write("haproxy.cfg", []byte(fmt.Sprintf(`global
  log stderr format raw daemon
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 20s
frontend reporter
  bind %s accept-proxy %s
  http-request return status 200 content-type text/plain lf-string "%%ci %%cp %%fi %%fp"
`, net.JoinHostPort(address, strconv.Itoa(port)), tls)))
	serve(b.t, exec.CommandContext(b.t.Context(), program(b.t, "haproxy", "haproxy"), "-db", "-V", "-f", b.path("haproxy.cfg")), "")
	return port
}

// nginx answers whoever connects.
func nginx(b *backends, address string, secret bool) int {
	b.t.Helper()
	port, tls := ports.Free(b.t), ""
	if secret {
		tls = "ssl"
	}
	b.write("nginx.conf", []byte(strings.ReplaceAll(fmt.Sprintf(`load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off; master_process off; pid DIR/nginx.pid; error_log stderr notice;
events {}
stream {
  server {
    listen %s %s proxy_protocol;
    ssl_certificate DIR/own.pem; ssl_certificate_key DIR/own.key;
    return "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
  }
}
`, net.JoinHostPort(address, strconv.Itoa(port)), tls), "DIR", b.dir)))
	serve(b.t, exec.CommandContext(b.t.Context(), program(b.t, "nginx", "nginx-light and libnginx-mod-stream"),
		"-p", b.dir, "-e", "stderr", "-c", b.path("nginx.conf")), "event method")
	return port
}

func TestServersAreToldOfClients(t *testing.T) {
	proxy := build(t)
	for name, start := range map[string]reporter{"haproxy": haproxy, "nginx": nginx} {
		for _, address := range []string{"127.0.0.1", "::1"} {
			for _, secret := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s on %s in TLS %t", name, address, secret), func(t *testing.T) {
					b := newBackends(t, proxy)
					server := fmt.Sprint(address, " ", start(b, address, secret))
					for version := 1; version <= 2; version++ {
						client := fmt.Sprint("proxyProtocol: ", version)
						if secret {
							client += ", " + inTLS
						}
						port, _ := b.through(address, "", client, server)
						b.told(address, port)
					}
				})
			}
		}
	}
}

// told checks what a server is told of a client through a proxy.
func (b *backends) told(address string, port int) {
	b.t.Helper()
	var client *net.TCPAddr
	var got []byte
	for end := time.Now().Add(patience); len(got) == 0; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatal("no answer")
		}
		conn, err := net.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			continue // the server is not there yet, and the proxy resets clients
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		got, _ = io.ReadAll(conn)
		client = conn.LocalAddr().(*net.TCPAddr)
		conn.Close()
	}
	want := fmt.Sprintf("%s %d %s %d", client.IP, client.Port, address, port)
	if lines := strings.Split(string(got), "\n"); lines[len(lines)-1] != want {
		b.t.Errorf("told %q, want %q", got, want)
	}
}
