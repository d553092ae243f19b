// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package hello_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/proxy/hello"
)

// said is what a TLS client says first.
func said(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_ = tls.Client(server, config).Handshake()
		_ = server.Close()
	}()
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	record := make([]byte, 5)
	if _, err := io.ReadFull(client, record); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(record[3:]))
	if _, err := io.ReadFull(client, body); err != nil {
		t.Fatal(err)
	}
	return append(record, body...)
}

// split puts the message of a record into records of n bytes.
func split(b []byte, n int) (records []byte) {
	for body := b[5:]; len(body) > 0; {
		piece := body[:min(n, len(body))]
		body = body[len(piece):]
		records = append(append(records, 22, 3, 1, 0, byte(len(piece))), piece...)
	}
	return records
}

func TestReadUnderstandsAClientHello(t *testing.T) {
	want := &hello.Hello{Name: "some.example.com", Protocols: []string{"redis", "h2"}}
	whole := said(t, &tls.Config{ServerName: "Some.Example.com", NextProtos: []string{"redis", "h2"}})
	for name, text := range map[string][]byte{
		"in one record":           whole,
		"in records of 100 bytes": split(whole, 100),
		"in records of 3 bytes":   split(whole, 3),
		"in records of one byte":  split(whole, 1),
	} {
		h, n, err := hello.Read(append(slices.Clip(text), "what comes after"...))
		if err != nil || n != len(text) {
			t.Errorf("%s: %d bytes, %v, want %d", name, n, err, len(text))
		}
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		// A part of it wants more, and not more than there is. It is read only as often as
		// there are records, and their headers.
		reads, wants := 0, 0
		for i := range text {
			if i < wants {
				continue
			}
			h, n, err := hello.Read(text[:i])
			if err != nil || h != nil || n <= i || n > len(text) {
				t.Fatalf("%s: with %d bytes got %v, %d, %v", name, i, h, n, err)
			}
			reads, wants = reads+1, n
		}
		if records := len(text) - len(whole); name == "in one record" && reads != 2 || name != "in one record" && reads > records+10 {
			t.Errorf("%s: it had to be looked at %d times", name, reads)
		}
	}
}

func TestAClientHelloWithoutName(t *testing.T) {
	h, _, err := hello.Read(said(t, &tls.Config{InsecureSkipVerify: true}))
	if err != nil || h == nil || h.Name != "" || len(h.Protocols) > 0 {
		t.Errorf("got %v, %v", h, err)
	}
}

func TestReadRefuses(t *testing.T) {
	good := said(t, &tls.Config{ServerName: "a.b"})
	for _, test := range []struct {
		reason string
		text   string
		want   string
	}{
		{"HTTP", "G", "no TLS"},
		{"a byte as of TLS", "\x16\x09", "no TLS"},
		{"an alert", "\x15\x03\x01\x00\x02\x02\x28", "no TLS"},
		{"another message", "\x16\x03\x01\x00\x04\x02", "no TLS"},
		{"an empty record", "\x16\x03\x01\x00\x00", "a record of the ClientHello is empty"},
		{"another record in the middle", string(split(good, 100)[:105]) + "\x17", "the ClientHello has no end"},
		{"too large", "\x16\x03\x01\x40\x00\x01\x00\x40\x00", "the ClientHello is larger than 16384 bytes"},
		{"too large with its headers", strings.Repeat("\x16\x03\x01\x00\x01\x01", 1) +
			strings.Repeat("\x16\x03\x01\x00\x01\x00", 1) + strings.Repeat("\x16\x03\x01\x00\x01\x3f", 4000), "the ClientHello is larger than 16384 bytes"},
		{"nonsense", "\x16\x03\x01\x00\x08\x01\x00\x00\x04abcd", "read the ClientHello"},
	} {
		h, _, err := hello.Read([]byte(test.text))
		if h != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v, want %q", test.reason, h, err, test.want)
		}
		if none := errors.Is(err, hello.ErrNone); none != (test.want == "no TLS") {
			t.Errorf("%s: ErrNone is %v", test.reason, none)
		}
	}
}

// FuzzRead: what is read takes bytes that are there; what is not, wants more within the limit.
func FuzzRead(f *testing.F) {
	whole := said(f, &tls.Config{ServerName: "some.example.com", NextProtos: []string{"redis"}})
	for _, seed := range [][]byte{nil, whole, split(whole, 50), split(whole, 1), whole[:100], []byte("GET / HTTP/1.1\r\n")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := hello.Read(b)
		switch {
		case err != nil && h != nil:
			t.Fatal("a ClientHello and an error")
		case err != nil:
		case h == nil && (n <= len(b) || n > hello.MaxLen):
			t.Fatalf("%d bytes are there, it wants %d", len(b), n)
		case h != nil && n > len(b):
			t.Fatalf("it takes %d bytes of %d", n, len(b))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	whole := said(b, &tls.Config{ServerName: "some.example.com", NextProtos: []string{"redis"}})
	b.ReportAllocs()
	for b.Loop() {
		if h, _, err := hello.Read(whole); h == nil || err != nil {
			b.Fatal(err)
		}
	}
}
