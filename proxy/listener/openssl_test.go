// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/wye-dev/wye/test/ports"
)

// s_server asks for a certificate of the proxy, and sends back each line in reverse.
func TestOpensslIsShownTheIdentityOfAPool(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		r := startReaching(t, plane)
		dir := t.TempDir()
		write := func(name string, text []byte) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		chain, key := r.authority.Identity(t, "backend")
		port := uint16(ports.Free(t))
		to := netip.AddrPortFrom(loopback(), port)
		server := exec.CommandContext(t.Context(), "openssl", "s_server", "-accept", to.String(), "-rev",
			"-cert", write("own.pem", chain), "-key", write("own.key", key), "-CAfile", write("ca.pem", r.authority.PEM),
			"-Verify", "1", "-verify_return_error", "-alpn", "redis")
		var said bytes.Buffer
		server.Stdout, server.Stderr = &said, &said
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		end := func() {
			_ = server.Process.Kill() // it may have ended
			_ = server.Wait()         // so it says
		}
		defer end()
		eventually(t, "s_server on port "+strconv.Itoa(int(port)), func() bool {
			conn, err := net.Dial("tcp", to.String())
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		settings := inTLS()
		settings.Tls.Protocols = []string{"redis"}
		r.route(settings, patience, endpoint(to))
		conn := r.dial()
		if _, err := conn.Write([]byte("hello\n")); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 6)
		if _, err := conn.Read(got); err != nil || string(got) != "olleh\n" {
			end()
			t.Fatalf("got %q, %v; s_server said:\n%s", got, err, said.String())
		}

		conn.Close() // it serves one at a time

		// Without an identity it is refused, in TLS 1.3 only after the handshake.
		settings.Tls.Identity = ""
		r.route(settings, patience, endpoint(to))
		r.wantReset()
		eventually(t, "the outcome is counted", func() bool {
			return r.value("wye_proxy_connections_closed_total", outcome("a", "backend_reset")) == 1
		})
	})
}
