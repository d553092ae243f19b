// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/test/bufconn"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

const day = 24 * time.Hour

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

// newClock starts where certificates of today would not be valid any more, so
// that a forgotten clock shows.
func newClock() *clock { return &clock{time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)} }

func newStore() client.WithWatch { return fake.NewClientBuilder().Build() }

func open(t *testing.T, s Secrets, c *clock) *Authority {
	t.Helper()
	a := New(Options{
		Secrets: s, Namespace: "wye-system", Now: c.time,
		Names: []string{"wye-push.wye-system.svc"}, Addresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	refresh(t, a)
	return a
}

func refresh(t *testing.T, authorities ...*Authority) {
	t.Helper()
	for _, a := range authorities {
		if err := a.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// dial does a TLS handshake with an authority, verifying by a bundle, and gives
// the serving certificate.
func dial(a *Authority, c *clock, bundle []byte, name string) (*x509.Certificate, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	buffered := bufconn.Listen(1 << 16)
	ln := tls.NewListener(buffered, a.TLSConfig())
	defer ln.Close()
	go func() {
		if far, err := ln.Accept(); err == nil {
			defer far.Close()
			io.Copy(io.Discard, far)
		}
	}()
	near, err := buffered.Dial()
	if err != nil {
		return nil, err
	}
	defer near.Close()
	conn := tls.Client(near, &tls.Config{RootCAs: roots, ServerName: name, Time: c.time})
	if err := conn.Handshake(); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func mustDial(t *testing.T, a *Authority, c *clock, bundle []byte, reason string) *x509.Certificate {
	t.Helper()
	leaf, err := dial(a, c, bundle, ServerName)
	if err != nil {
		t.Fatalf("%s: %v", reason, err)
	}
	return leaf
}

// verify does what a handshake does, without the handshake.
func verify(a *Authority, c *clock, bundle []byte) error {
	serving, err := a.TLSConfig().GetCertificate(nil)
	if err != nil {
		return err
	}
	roots, chain := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	for _, der := range serving.Certificate[1:] {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		chain.AddCert(certificate)
	}
	_, err = serving.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain, DNSName: ServerName, CurrentTime: c.now})
	return err
}

func TestServingCertificateCarriesItsNames(t *testing.T) {
	c := newClock()
	a := open(t, newStore(), c)
	for _, test := range []struct {
		name string
		want bool
	}{
		{"wye-controller", true},
		{"wye-push.wye-system.svc", true},
		{"127.0.0.1", true},
		{"wye-controller.evil.example", false},
		{"127.0.0.2", false},
	} {
		if _, err := dial(a, c, a.Bundle(), test.name); (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	stranger := open(t, newStore(), c)
	if _, err := dial(a, c, stranger.Bundle(), ServerName); err == nil {
		t.Error("another CA's bundle verifies it")
	}
}

func TestNothingIsServedBeforeTheFirstRefresh(t *testing.T) {
	c := newClock()
	a := New(Options{Secrets: newStore(), Now: c.time})
	if a.Bundle() != nil {
		t.Error("there is a bundle")
	}
	if _, err := a.TLSConfig().GetCertificate(nil); err == nil {
		t.Error("there is a certificate")
	}
}

func TestServingCertificateIsRenewedWithoutRestart(t *testing.T) {
	c := newClock()
	a := open(t, newStore(), c)
	bundle := a.Bundle()
	first := mustDial(t, a, c, bundle, "new")
	c.now = c.now.Add(15 * time.Hour)
	refresh(t, a)
	if same := mustDial(t, a, c, bundle, "after 15 hours"); !same.Equal(first) {
		t.Error("renewed before two thirds of its life")
	}
	c.now = c.now.Add(2 * time.Hour)
	refresh(t, a)
	second := mustDial(t, a, c, bundle, "after 17 hours")
	if second.Equal(first) {
		t.Error("not renewed after two thirds of its life")
	}
	if bytes.Equal(second.RawSubjectPublicKeyInfo, first.RawSubjectPublicKeyInfo) {
		t.Error("renewed with the old key")
	}
}
