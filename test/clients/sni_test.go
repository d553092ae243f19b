// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/tlsconf"
	"github.com/wye-dev/wye/test/ports"
)

// TestServersOnOnePort: three TLS servers of different make are reached by their names
// through one port, and a fourth name's TLS ends at the proxy.
func TestServersOnOnePort(t *testing.T) {
	curl, openssl := program(t, "curl", "curl"), program(t, "openssl", "openssl")
	s := newSite(t)
	s.route("nginx", s.nginx("one.test"), "one.test")
	s.route("openssl", s.openssl("two.test", "pg"), "two.test", "alpn.test").MatchProtocols = []string{"pg"}
	s.route("haproxy", s.haproxy("*.three.test", "two.test", "alpn.test"), "*.three.test", "two.test", "alpn.test")
	plain := s.httpd("")
	identity, err := tlsconf.Parse(s.authority.Identity(t, "four.test"))
	if err != nil {
		t.Fatal(err)
	}
	s.builder.Identities.Put("four", identity)
	s.route("ended", plain, "four.test").Tls = &pushv1.ServerTLS{DefaultIdentity: "four"}

	s.onEveryPlane(func(t *testing.T) {
		for host, want := range map[string]string{
			"one.test": "nginx", "a.three.test": "haproxy", "a.b.three.test": "haproxy", "two.test": "haproxy", "four.test": "nginx",
		} {
			args := []string{"--silent", "--show-error", "--resolve", fmt.Sprintf("%s:%d:127.0.0.1", host, s.port), "--cacert", s.ca}
			if host == "a.b.three.test" {
				args = append(args, "--insecure") // its certificate's wildcard is for one label
			}
			got := run(t, "", curl, append(args, fmt.Sprintf("https://%s:%d/", host, s.port))...)
			if got != want+"\n" {
				t.Errorf("curl of %s gave %q, want %s", host, got, want)
			}
		}
		client := func(args ...string) string {
			command := exec.CommandContext(t.Context(), openssl,
				append([]string{"s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", s.port), "-CAfile", s.ca}, args...)...)
			out, _ := command.CombinedOutput() // it fails where it is to be refused
			return string(out)
		}
		for _, test := range []struct {
			args []string
			want []string
		}{
			{[]string{"-servername", "one.test"}, []string{"subject=CN = one.test", "Verification: OK"}},
			{[]string{"-servername", "one.test", "-tls1_2"}, []string{"subject=CN = one.test", "Protocol  : TLSv1.2"}},
			{[]string{"-servername", "two.test", "-alpn", "x,pg"}, []string{"subject=CN = two.test", "ALPN protocol: pg"}},
			{[]string{"-servername", "two.test", "-alpn", "http/1.1"}, []string{"subject=CN = *.three.test", "ALPN protocol: http/1.1"}},
			{[]string{"-servername", "four.test"}, []string{"subject=CN = four.test", "Verification: OK"}},
			{[]string{"-noservername"}, []string{"unrecognized name", "SSL alert number 112"}},
			{[]string{"-servername", "nobody.test"}, []string{"unrecognized name", "SSL alert number 112"}},
			{[]string{"-servername", "nobody.test", "-tls1_2"}, []string{"unrecognized name", "SSL alert number 112"}},
		} {
			got := client(test.args...)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("openssl s_client %v does not say %q:\n%s", test.args, want, last(got))
				}
			}
		}
	})
}

// openssl serves TLS by openssl s_server.
func (s *site) openssl(host, protocol string) (port int) {
	s.t.Helper()
	port = ports.Free(s.t)
	chain, key := s.identity(host)
	serve(s.t, exec.CommandContext(s.t.Context(), program(s.t, "openssl", "openssl"), "s_server", "-accept", fmt.Sprintf("127.0.0.1:%d", port),
		"-cert", chain, "-key", key, "-alpn", protocol, "-www"), "ACCEPT")
	return port
}

// nginx serves TLS by nginx, which answers with its name.
func (s *site) nginx(host string) (port int) {
	s.t.Helper()
	chain, key := s.identity(host)
	return s.httpd(fmt.Sprintf("ssl; ssl_certificate %s; ssl_certificate_key %s", chain, key))
}

// httpd serves HTTP by nginx, on a port with properties.
func (s *site) httpd(properties string) (port int) {
	s.t.Helper()
	port = ports.Free(s.t)
	runNginx(s.t, "", fmt.Sprintf(`http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:%d %s; location / { return 200 "nginx\n"; } }
}`, port, properties))
	return port
}

// haproxy serves TLS by HAProxy, which answers with its name.
func (s *site) haproxy(hosts ...string) (port int) {
	s.t.Helper()
	port = ports.Free(s.t)
	chain, key := s.authority.Identity(s.t, hosts...)
	runHAProxy(s.t, fmt.Sprintf(`frontend front
  mode http
  bind 127.0.0.1:%d ssl crt %s alpn http/1.1
  http-request return status 200 content-type text/plain string "haproxy\n"
`, port, s.file("identity.pem", string(chain)+string(key))), port)
	return port
}

// runNginx runs nginx with a configuration, of which some comes first: as one process,
// since a worker would outlive its master when that is killed.
func runNginx(t *testing.T, first, config string) {
	t.Helper()
	dir := t.TempDir()
	file := dir + "/nginx.conf"
	write(t, file, first+"daemon off; master_process off; pid pid; error_log stderr notice;\nevents {}\n"+config)
	serve(t, exec.CommandContext(t.Context(), program(t, "nginx", "nginx"), "-p", dir, "-c", file), "event method")
}

// runHAProxy runs HAProxy with a configuration that listens on a port.
func runHAProxy(t *testing.T, config string, port int) {
	t.Helper()
	file := t.TempDir() + "/haproxy.cfg"
	write(t, file, `global
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  timeout client 60s
  timeout connect 5s
  timeout server 60s
`+config)
	serve(t, exec.CommandContext(t.Context(), program(t, "haproxy", "haproxy"), "-V", "-db", "-f", file), "Using epoll")
	listening(t, strconv.Itoa(port))
}
