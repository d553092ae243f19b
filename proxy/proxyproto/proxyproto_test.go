// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxyproto_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/proxy/proxyproto"
)

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 is a header of version 2 with what follows the fixed part.
func v2(command, family byte, rest string) string {
	head := append([]byte(signature), command, family, 0, 0)
	binary.BigEndian.PutUint16(head[14:], uint16(len(rest)))
	return string(head) + rest
}

// tlv is an extension on the wire.
func tlv(kind byte, value string) string {
	return string([]byte{kind, byte(len(value) >> 8), byte(len(value))}) + value
}

const ends4 = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x39\x01\xbb" // 10.0.0.1:12345 to 10.0.0.2:443

func between(source, destination string) proxyproto.Header {
	return proxyproto.Header{Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination)}
}

func compareAddrs(a, b netip.AddrPort) bool { return a == b }

func TestReadUnderstands(t *testing.T) {
	four, six := between("10.0.0.1:12345", "10.0.0.2:443"), between("[2001:db8::1]:1", "[2001:db8::2]:65535")
	withTLVs := four
	withTLVs.TLVs = []proxyproto.TLV{{Type: 2, Value: []byte("a.b")}, {Type: 0xE0, Value: []byte{}}}
	local := proxyproto.Header{Local: true}
	for _, test := range []struct {
		reason, text string
		want         proxyproto.Header
	}{
		{"version 1 of IPv4", "PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n", four},
		{"version 1 of IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", six},
		{"version 1 of IPv4 in IPv6", "PROXY TCP6 ::ffff:10.0.0.1 ::ffff:10.0.0.2 12345 443\r\n", four},
		{"version 1 of nobody", "PROXY UNKNOWN\r\n", local},
		{"version 1 of nobody, with addresses", "PROXY UNKNOWN 10.0.0.1 10.0.0.2 12345 443\r\n", local},
		{"version 2 of IPv4", v2(0x21, 0x11, ends4), four},
		{"version 2 of IPv6", v2(0x21, 0x21, "\x20\x01\x0d\xb8"+strings.Repeat("\x00", 11)+"\x01"+
			"\x20\x01\x0d\xb8"+strings.Repeat("\x00", 11)+"\x02\x00\x01\xff\xff"), six},
		{"extensions, without checksum and padding", v2(0x21, 0x11, ends4+tlv(3, "crc3")+tlv(2, "a.b")+tlv(4, "...")+tlv(0xE0, "")), withTLVs},
		{"the proxy itself", v2(0x20, 0x00, ""), local},
		{"the proxy itself, with an address", v2(0x20, 0x11, ends4), local},
		{"the proxy itself, with anything", v2(0x20, 0x11, ends4+"any"), local},
		{"a client without address", v2(0x21, 0x00, ""), local},
		{"a client on a Unix socket", v2(0x21, 0x31, strings.Repeat("x", 216)), local},
		{"a datagram", v2(0x21, 0x12, ends4), local},
		{"the longest line", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", local},
	} {
		for _, after := range []string{"", "what comes after"} {
			h, n, err := proxyproto.Read([]byte(test.text + after))
			if err != nil || h == nil || n != len(test.text) {
				t.Errorf("%s: got %v, %d, %v, want %d bytes", test.reason, h, n, err, len(test.text))
				continue
			}
			if diff := cmp.Diff(test.want, *h, cmp.Comparer(compareAddrs)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		}
		// A part of it wants more, and not more than there is.
		for i := range len(test.text) {
			if h, n, err := proxyproto.Read([]byte(test.text[:i])); err != nil || h != nil || n <= i || n > len(test.text) {
				t.Errorf("%s: with %d bytes got %v, %d, %v", test.reason, i, h, n, err)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, test := range []struct{ reason, text, want string }{
		{"nothing of the kind", "GET / HTTP/1.1\r\n", "there is no PROXY header"},
		{"TLS", "\x16\x03\x01\x00", "there is no PROXY header"},
		{"a beginning that goes astray", "PROXX", "there is no PROXY header"},
		{"a signature that goes astray", signature[:11] + "x", "there is no PROXY header"},
		{"no end", "PROXY TCP4 " + strings.Repeat("1", 96), "has no end within 107 bytes"},
		{"too long", signature + "\x21\x11\x10\x01", "has 4113 bytes, which is more than 4112"},
		{"another version", v2(0x31, 0x11, ends4), "read the PROXY header"},
		{"another command", v2(0x22, 0x11, ends4), "read the PROXY header"},
		{"another family", v2(0x21, 0x41, ends4), "read the PROXY header"},
		{"half an address", v2(0x21, 0x11, ends4[:11]), "read the PROXY header"},
		{"half an extension", v2(0x21, 0x11, ends4+"\x02\x00\x04abc"), "read the extensions of the PROXY header"},
		{"a port too large", "PROXY TCP4 10.0.0.1 10.0.0.2 65536 443\r\n", "read the PROXY header"},
		{"no address", "PROXY TCP4 localhost 10.0.0.2 1 443\r\n", "read the PROXY header"},
		{"a family of another address", "PROXY TCP4 ::1 ::1 1 443\r\n", "read the PROXY header"},
		{"a line feed alone", "PROXY TCP4 10.0.0.1 10.0.0.2 1 443\nx\r\n", "read the PROXY header"},
		{"an empty line", "PROXY\r\n", "read the PROXY header"},
	} {
		h, _, err := proxyproto.Read([]byte(test.text))
		if h != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v, want %q", test.reason, h, err, test.want)
		}
		if none := errors.Is(err, proxyproto.ErrNone); none != strings.HasPrefix(test.want, "there is no") {
			t.Errorf("%s: ErrNone is %v", test.reason, none)
		}
	}
}

func TestWhatIsWrittenReadsTheSame(t *testing.T) {
	for _, h := range []proxyproto.Header{
		between("10.0.0.1:12345", "10.0.0.2:443"),
		between("[2001:db8::1]:1", "[2001:db8::2]:65535"),
		between("10.0.0.1:1", "[2001:db8::2]:65535"),
		{Local: true},
	} {
		for _, version := range []byte{1, 2} {
			if version == 2 {
				h.TLVs = []proxyproto.TLV{{Type: 2, Value: []byte("a.b")}}
			}
			again := roundTrip(t, &h, version)
			if diff := cmp.Diff(h, *again, cmp.Comparer(compareAddrs)); diff != "" {
				t.Errorf("version %d (-want +got):\n%s", version, diff)
			}
		}
	}
}

func roundTrip(t *testing.T, h *proxyproto.Header, version byte) *proxyproto.Header {
	t.Helper()
	text, err := h.Format(version)
	if err != nil {
		t.Fatal(err)
	}
	again, n, err := proxyproto.Read(text)
	if err != nil || again == nil || n != len(text) {
		t.Fatalf("reading %q gives %v, %d, %v", text, again, n, err)
	}
	return again
}

func TestFormatHasItsLimits(t *testing.T) {
	h := proxyproto.Header{Local: true, TLVs: []proxyproto.TLV{{Type: 2, Value: make([]byte, 1<<16)}}}
	if text, err := h.Format(2); err == nil {
		t.Errorf("got %d bytes", len(text))
	}
	if text, err := (&proxyproto.Header{Local: true}).Format(3); err == nil {
		t.Errorf("got %q", text)
	}
}

// FuzzRead: what is read takes bytes that are there, and is the same when it is
// written and read again; what is not, wants more within the limit.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\nmore", "PROXY UNKNOWN\r\n", "PROXY TCP6 ::1 ::2 1 2\r\n",
		v2(0x21, 0x11, ends4+tlv(2, "a.b")), v2(0x20, 0, ""), v2(0x21, 0, ""), v2(0x21, 0x21, strings.Repeat("1", 36)), signature,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		h, n, err := proxyproto.Read(b)
		if string(b) != before {
			t.Fatal("it has changed what it read")
		}
		switch {
		case err != nil && h != nil:
			t.Fatal("a header and an error")
		case err != nil:
		case h == nil && (n <= len(b) || n > proxyproto.MaxLen):
			t.Fatalf("%d bytes are there, it wants %d", len(b), n)
		case h != nil && (n > len(b) || n <= 0):
			t.Fatalf("it takes %d bytes of %d", n, len(b))
		case h != nil:
			again := roundTrip(t, h, 2)
			if diff := cmp.Diff(fmt.Sprint(*h), fmt.Sprint(*again)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := []byte(v2(0x21, 0x11, ends4))
	b.ReportAllocs()
	for b.Loop() {
		if h, _, err := proxyproto.Read(text); h == nil || err != nil {
			b.Fatal(err)
		}
	}
}
