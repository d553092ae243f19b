// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/test/ports"
)

// TestTheClientIsTold: curl goes through HAProxy, or nginx, which tell of it by the PROXY
// protocol, and through wye-proxy, which tells nginx, which says whom it was told of.
func TestTheClientIsTold(t *testing.T) {
	curl := program(t, "curl", "curl")
	s := newSite(t)
	chain, key := s.identity("one.test")
	for _, plane := range []string{"loops", "portable"} {
		for _, secret := range []bool{false, true} {
			// From its end: who answers, wye-proxy, and those in front.
			last := ports.Free(t)
			runNginx(t, "", fmt.Sprintf(`http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:%d proxy_protocol; location / { return 200 "$proxy_protocol_addr:$proxy_protocol_port\n"; } }
}`, last))
			middle, scheme := ports.Free(t), "http"
			tls := ""
			if secret {
				tls, scheme = fmt.Sprintf(", tls: {defaultIdentity: {certs: [%s], privateKey: %s}}", chain, key), "https"
			}
			config := s.file("wye.yml", fmt.Sprintf(`admin: {ip: 127.0.0.1, port: 0}
routers:
- label: told
  interpreter: {kind: default}
  dtab: /svc => /$/inet/127.0.0.1/%d ;
  servers:
  - {ip: 127.0.0.1, port: %d, dstName: /svc, proxyProtocol: {trustedCIDRs: [127.0.0.0/8]}%s}
  client: {kind: io.l5d.global, proxyProtocol: 2}
`, last, middle, tls))
			serve(t, exec.CommandContext(t.Context(), build(t), "--data-plane", plane, config), "msg=listening")
			for name, start := range map[string]func(*testing.T, int) int{
				"HAProxy, version 1": haproxySends("send-proxy"),
				"HAProxy, version 2": haproxySends("send-proxy-v2"),
				"HAProxy, version 2 with all extensions": haproxySends(
					"send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"),
				"nginx": nginxSends,
			} {
				t.Run(fmt.Sprint(plane, "/", scheme, "/", name), func(t *testing.T) {
					first := start(t, middle)
					for range 3 {
						out := run(t, "", curl, "--silent", "--show-error", "--resolve", fmt.Sprintf("one.test:%d:127.0.0.1", first), "--cacert", s.ca,
							"--write-out", "%{local_ip}:%{local_port}\n", fmt.Sprintf("%s://one.test:%d/", scheme, first))
						if told, itself, _ := strings.Cut(out, "\n"); told == "" || told+"\n" != itself {
							t.Errorf("nginx was told of %q, and it was %q", told, itself)
						}
					}
				})
			}
			t.Run(fmt.Sprint(plane, "/", scheme, "/nobody tells"), func(t *testing.T) {
				command := exec.CommandContext(t.Context(), curl, "--silent", "--insecure", fmt.Sprintf("%s://127.0.0.1:%d/", scheme, middle))
				if out, err := command.CombinedOutput(); err == nil {
					t.Errorf("curl without a header was answered: %s", out)
				}
			})
		}
	}
}

// haproxySends runs HAProxy in front of a port, with options of its server.
func haproxySends(options string) func(*testing.T, int) int {
	return func(t *testing.T, to int) (port int) {
		t.Helper()
		port = ports.Free(t)
		runHAProxy(t, fmt.Sprintf(`listen front
  mode tcp
  bind 127.0.0.1:%d
  unique-id-format %%ci
  server wye 127.0.0.1:%d %s
`, port, to, options), port)
		return port
	}
}

// nginxSends runs nginx in front of a port.
func nginxSends(t *testing.T, to int) (port int) {
	t.Helper()
	port = ports.Free(t)
	runNginx(t, "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n", fmt.Sprintf(`stream { server { listen 127.0.0.1:%d; proxy_pass 127.0.0.1:%d; proxy_protocol on; } }`, port, to))
	return port
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// listening waits until somebody accepts connections on a port.
func listening(t *testing.T, port string) {
	t.Helper()
	for end := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nobody listens on port %s: %v", port, err)
		}
	}
}
