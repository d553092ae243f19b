// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
)

const (
	header1 = "PROXY TCP4 192.0.2.7 192.0.2.8 7777 443\r\n"
	header2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x09\xc0\x00\x02\x08\x26\xac\x01\xbb" // of 192.0.2.9:9900
	health2 = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

func TestWhoIsTrustedTellsOfTheClient(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.add("z", f.backend("z", nil))
		f.secure("a", "a.test")
		f.ending("b", "b.test")
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.2/32", "::1/128"}}
		f.serve()
		for _, test := range []struct{ reason, header, client string }{
			{"version 1", header1, "client=192.0.2.7:7777"},
			{"version 2", header2, "client=192.0.2.9:9900"},
			{"the proxy itself", health2, "client=127.0.0.2:"},
			{"the proxy itself, in version 1", "PROXY UNKNOWN\r\n", "client=127.0.0.2:"},
		} {
			for route, config := range map[string]*tls.Config{"z": nil, "a": f.client("a.test"), "b": f.client("b.test")} {
				// The header with what follows, and by itself.
				for _, first := range []string{"", test.header} {
					f.log.Reset()
					var conn net.Conn = f.from("127.0.0.2", first)
					via := conn.LocalAddr().String()
					if first == "" {
						conn = &prefixed{Conn: conn, text: test.header}
					}
					if config != nil {
						conn = tls.Client(conn, config)
					} else {
						_, _ = io.WriteString(conn, "hello")
					}
					if got := f.reaches(conn); got != route {
						t.Errorf("%s: reached %s, want %s", test.reason, got, route)
					}
					eventually(t, test.reason+": the log says "+test.client, func() bool {
						return strings.Contains(f.log.String(), test.client) && strings.Contains(f.log.String(), "via="+via)
					})
				}
			}
		}
		// Others are taken as they are, be it that what they say looks like a header.
		f.log.Reset()
		conn := f.from("127.0.0.3", header1)
		got := make([]byte, 1+len(header1))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "z"+header1 {
			t.Errorf("the backend got %q, %v", got, err)
		}
		conn.Close()
		eventually(t, "the log says who it was", func() bool { return strings.Contains(f.log.String(), "client=127.0.0.3:") })
	})
}

// prefixed sends a text in front of what is written first, with it.
type prefixed struct {
	net.Conn
	text string
}

func (p *prefixed) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(append([]byte(p.text), b...))
	n = max(0, n-len(p.text))
	p.text = ""
	return n, err
}

// TestExactlyTheHeaderIsTaken: on a port without names, one byte at a time, and what
// follows it at once is the client's.
func TestExactlyTheHeaderIsTaken(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.add("z", f.backend("z", nil))
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
		f.serve()
		for _, header := range []string{header1, header2, health2} {
			for _, size := range []int{1, 5, 1000} {
				conn := f.dial()
				if _, err := io.WriteString(pieces{conn, size}, header+header+"x"); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 1+len(header)+1)
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != "z"+header+"x" {
					t.Errorf("in pieces of %d the backend got %q, %v", size, got, err)
				}
				conn.Close()
			}
		}
	})
}

func TestBadHeadersAreRefused(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.add("z", f.backend("z", nil))
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
		f.serve()
		bad := []string{
			"GET / HTTP/1.0\r\n\r\n",
			"\x16\x03\x01\x02\x00",
			"PROXY TCP4 " + strings.Repeat("1", 200),
			"PROXY TCP4 192.0.2.7 192.0.2.8 7777 443000\r\n",
			"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff",
			"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + strings.Repeat("1", 12),
		}
		for _, text := range bad {
			if n, _ := io.Copy(io.Discard, f.says(text)); n != 0 {
				t.Errorf("%q was answered", text)
			}
		}
		f.counted(flow.ProxyHeaderFailed, float64(len(bad)))
		if n := f.value("wye_proxy_connect_duration_seconds", nil); n != 0 {
			t.Errorf("%v connections reached the backend", n)
		}
	})
}

// TestAccessIsThatOfTheClient: of whom the header tells, not of who sent it.
func TestAccessIsThatOfTheClient(t *testing.T) {
	onEveryPlane(t, func(t *testing.T, plane plane) {
		f := front(t, plane)
		f.add("z", f.backend("z", nil)).Access = &pushv1.Access{Deny: []string{"192.0.2.7/32"}}
		f.config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
		f.serve()
		if got := f.reaches(f.says(header2)); got != "z" {
			t.Errorf("who may connect reaches %s", got)
		}
		if got := f.reaches(f.says(header1)); got == "z" {
			t.Error("who may not connect reaches the backend")
		}
		f.counted(flow.AccessDenied, 1)
	})
}
