// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && !race

package loop_test

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// sealing is a proxy that speaks TLS with its backend.
type sealing struct {
	*relaying
	config *tls.Config // of the backend
}

func serveInTLS(t testing.TB) *sealing {
	t.Helper()
	authority := pushtest.NewAuthority(t)
	pair, err := tls.X509KeyPair(authority.Identity(t, "backend"))
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := tlsconf.ParseBundle(authority.PEM)
	if err != nil {
		t.Fatal(err)
	}
	builder := plan.Builder{Identities: &tlsconf.Store{}}
	builder.Identities.PutBundle("ca", bundle)
	settings := &pushv1.PoolSettings{Tls: &pushv1.ClientTLS{ServerName: "backend", TrustBundles: []string{"ca"}}}
	return &sealing{serveBy(t, builder, settings), &tls.Config{Certificates: []tls.Certificate{pair}}}
}

// connect returns both ends of a connection through the proxy.
func (s *sealing) connect() (client int, backend *tls.Conn) {
	s.t.Helper()
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	s.must(err)
	s.must(unix.Connect(client, &s.proxy))
	fd, _, err := unix.Accept4(s.relaying.backend, unix.SOCK_CLOEXEC)
	s.must(err)
	file := os.NewFile(uintptr(fd), "backend")
	conn, err := net.FileConn(file)
	s.must(err)
	s.must(file.Close())
	backend = tls.Server(conn, s.config)
	s.must(backend.Handshake())
	return client, backend
}

// pass sends b to the backend and back, into b.
func (s *sealing) pass(client int, backend *tls.Conn, b []byte) {
	_, err := unix.Write(client, b)
	s.must(err)
	_, err = io.ReadFull(backend, b)
	s.must(err)
	_, err = backend.Write(b)
	s.must(err)
	for n := 0; n < len(b); {
		m, err := unix.Read(client, b[n:])
		s.must(err)
		n += m
	}
}

// crypto/tls makes two small objects for each record that it reads, for its header and
// for its body; there is nothing else, at the proxy's end of TLS or at the test's.
func TestAMessageInTLSToABackendAllocatesWhatCryptoTLSDoes(t *testing.T) {
	s := serveInTLS(t)
	client, backend := s.connect()
	defer backend.Close()
	defer func() { s.must(unix.Close(client)) }()
	message := make([]byte, 1024)
	const messages, each = 2000, 2 + 2
	exchange := func() {
		for range messages {
			s.pass(client, backend, message)
		}
	}
	exchange()
	if n := mallocs(exchange); n > messages*each+messages/4 {
		t.Errorf("%.2f objects for a message each way, want %d", float64(n)/messages, each)
	}
}

// BenchmarkMessagesInTLS is a message of 1 KiB to a backend in TLS, and its answer.
func BenchmarkMessagesInTLS(b *testing.B) {
	s := serveInTLS(b)
	client, backend := s.connect()
	defer backend.Close()
	defer func() { s.must(unix.Close(client)) }()
	message := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		s.pass(client, backend, message)
	}
}

// BenchmarkConnectionsInTLS is a connection to a backend in TLS, which is resumed, with
// one message. What is allocated is both ends'.
func BenchmarkConnectionsInTLS(b *testing.B) {
	s := serveInTLS(b)
	message := make([]byte, 8)
	b.ReportAllocs()
	for b.Loop() {
		client, backend := s.connect()
		s.pass(client, backend, message)
		s.must(unix.Close(client))
		_, _ = io.Copy(io.Discard, backend)
		s.must(backend.Close())
	}
}
