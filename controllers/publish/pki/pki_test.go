// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/test/bufconn"
	corev1 "k8s.io/api/core/v1"
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

func TestReplicasShareOneCA(t *testing.T) {
	c, store := newClock(), newStore()
	var replicas [8]*Authority
	var group sync.WaitGroup
	for i := range replicas {
		group.Go(func() {
			a := New(Options{Secrets: store, Namespace: "wye-system", Now: c.time})
			if err := a.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
			replicas[i] = a
		})
	}
	group.Wait()
	for i, a := range replicas {
		mustDial(t, a, c, replicas[0].Bundle(), "a replica's certificate by another's bundle")
		if !bytes.Equal(a.Bundle(), replicas[0].Bundle()) {
			t.Errorf("replica %d has a bundle of its own", i)
		}
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

// Three years of refreshes: who takes the bundle when it changes always verifies,
// and so does who took it up to a hundred days late.
func TestHoldersOfOldBundlesVerifyAfterRotation(t *testing.T) {
	c, store := newClock(), newStore()
	leader, follower := open(t, store, c), open(t, store, c)
	type held struct {
		bundle []byte
		until  time.Time // zero while it is the newest
	}
	bundles := []held{{bundle: leader.Bundle()}}
	rotations := 0
	for end := c.now.Add(3 * 365 * day); c.now.Before(end); c.now = c.now.Add(12 * time.Hour) {
		changed := leader.Changed()
		refresh(t, leader)
		newest := &bundles[len(bundles)-1]
		select {
		case <-changed:
			newest.until = c.now.Add(100 * day)
			bundles = append(bundles, held{bundle: leader.Bundle()})
			rotations++
		default:
			if !bytes.Equal(newest.bundle, leader.Bundle()) {
				t.Fatalf("%v: the bundle changed without a sign", c.now)
			}
		}
		// The follower still signs with what it read last.
		if err := verify(follower, c, leader.Bundle()); err != nil {
			t.Fatalf("a follower's certificate at %v: %v", c.now, err)
		}
		refresh(t, follower)
		for _, h := range bundles {
			if h.until.IsZero() || c.now.Before(h.until) {
				if err := verify(leader, c, h.bundle); err != nil {
					t.Fatalf("the leader's certificate at %v: %v", c.now, err)
				}
			}
		}
	}
	if rotations < 6 { // four times a successor comes, two times a predecessor goes at least
		t.Errorf("the bundle changed %d times in three years", rotations)
	}
	certificates, err := parseCertificates(leader.Bundle())
	if err != nil || len(certificates) > 2 {
		t.Errorf("the bundle has %d certificates at the end, %v", len(certificates), err)
	}
}

func TestReplicasThatRotateAtOnceAgree(t *testing.T) {
	c, store := newClock(), newStore()
	replicas := []*Authority{open(t, store, c), open(t, store, c), open(t, store, c)}
	old := replicas[0].Bundle()
	c.now = c.now.Add(300 * day)
	var group sync.WaitGroup
	for _, a := range replicas {
		group.Go(func() {
			if err := a.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i, a := range replicas {
		if bytes.Equal(a.Bundle(), old) || !bytes.Equal(a.Bundle(), replicas[0].Bundle()) {
			t.Errorf("replica %d: bundle\n%s", i, a.Bundle())
		}
		mustDial(t, a, c, old, "the old bundle")
	}
}

func TestAnExpiredCAIsReplaced(t *testing.T) {
	c := newClock()
	store := newStore()
	old := open(t, store, c).Bundle()
	c.now = c.now.Add(2 * 365 * day)
	a := open(t, store, c)
	mustDial(t, a, c, a.Bundle(), "the new bundle")
	if _, err := dial(a, c, old, ServerName); err == nil {
		t.Error("a bundle of an expired CA verifies")
	}
	if n := bytes.Count(a.Bundle(), []byte("BEGIN CERTIFICATE")); n != 1 {
		t.Errorf("the bundle has %d certificates, want 1", n)
	}
}

func TestADeletedSecretGivesANewCA(t *testing.T) {
	c, store := newClock(), newStore()
	a := open(t, store, c)
	old := a.Bundle()
	if err := store.Delete(t.Context(), secretOf(t, store)); err != nil {
		t.Fatal(err)
	}
	refresh(t, a)
	mustDial(t, a, c, a.Bundle(), "the new bundle")
	if _, err := dial(a, c, old, ServerName); err == nil {
		t.Error("who deletes the Secret wants the old CA gone")
	}
}

// secretOf reads the Secret, for a test to change.
func secretOf(t *testing.T, store client.Client) *corev1.Secret {
	t.Helper()
	var secret corev1.Secret
	if err := store.Get(t.Context(), client.ObjectKey{Namespace: "wye-system", Name: SecretName}, &secret); err != nil {
		t.Fatal(err)
	}
	return &secret
}

func TestABrokenSecretIsLeftAloneAndServingGoesOn(t *testing.T) {
	c, store := newClock(), newStore()
	a := open(t, store, c)
	bundle := a.Bundle()
	for _, test := range []struct {
		reason string
		spoil  func(map[string][]byte)
	}{
		{"no certificate", func(d map[string][]byte) { delete(d, keyCertificate) }},
		{"no key", func(d map[string][]byte) { d[keyPrivate] = []byte("?") }},
		{"no bundle", func(d map[string][]byte) { d[keyBundle] = []byte("certificate") }},
		{"a bundle of keys", func(d map[string][]byte) { d[keyBundle] = d[keyPrivate] }},
		{"a bundle without end", func(d map[string][]byte) { d[keyBundle] = bytes.Repeat(d[keyBundle], maxTrusted+1) }},
		{"a certificate that is none", func(d map[string][]byte) {
			d[keyCross] = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
		}},
	} {
		good := secretOf(t, store)
		bad := good.DeepCopy()
		test.spoil(bad.Data)
		if err := store.Update(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		if err := a.Refresh(t.Context()); err == nil {
			t.Errorf("%s: no error", test.reason)
		}
		if after := secretOf(t, store); after.ResourceVersion != bad.ResourceVersion {
			t.Errorf("%s: the Secret was written", test.reason)
		}
		mustDial(t, a, c, bundle, test.reason)
		good.ResourceVersion = ""
		if err := store.Update(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		refresh(t, a)
	}
}

func TestACAOfAnothersMakingIsUsedAndNotWritten(t *testing.T) {
	c, store := newClock(), newStore()
	root, err := newAuthority(c.now)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := root.succeed(c.now) // its chain leads to root
	if err != nil {
		t.Fatal(err)
	}
	issuer.certificate, issuer.chain = issuer.chain[0], nil
	data, err := issuer.encode(c.now)
	if err != nil {
		t.Fatal(err)
	}
	delete(data, keyCross)
	data[keyBundle] = encodeCertificates([]*x509.Certificate{root.certificate})
	secret := &corev1.Secret{Type: corev1.SecretTypeTLS, Data: data}
	secret.Namespace, secret.Name = "wye-system", SecretName
	if err := store.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	a := open(t, store, c)
	mustDial(t, a, c, a.Bundle(), "the bundle")
	mustDial(t, a, c, encodeCertificates([]*x509.Certificate{root.certificate}), "who trusts the root only")
	c.now = c.now.Add(300 * day)
	refresh(t, a)
	if got := secretOf(t, store); got.ResourceVersion != secret.ResourceVersion {
		t.Error("the Secret was written")
	}
	c.now = c.now.Add(300 * day)
	if err := a.Refresh(t.Context()); err == nil {
		t.Error("an expired CA was taken")
	}
}

// flaky is a store that cannot be reached now and then.
type flaky struct {
	Secrets
	away bool
}

func (f *flaky) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if f.away {
		return errors.New("connection refused")
	}
	return f.Secrets.Get(ctx, key, obj, opts...)
}

func TestRunKeepsTheCertificatesYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Secrets: newStore()}
		open(t, store, &clock{time.Now().Add(-242 * day)})
		store.away = true
		a := New(Options{Secrets: store, Namespace: "wye-system"})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		store.away = false
		<-time.After(retryEvery + time.Second)
		bundle := a.Bundle()
		if bundle == nil {
			t.Fatal("no bundle after the store came back")
		}
		<-time.After(3 * day)
		now := &clock{time.Now()}
		leaf := mustDial(t, a, now, bundle, "the old bundle after the rotation")
		if now.now.After(twoThirds(leaf)) {
			t.Errorf("the certificate of %v is old at %v", leaf.NotBefore, now.now)
		}
		if bytes.Equal(bundle, a.Bundle()) {
			t.Error("the CA was not rotated after 245 days")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func FuzzSecretData(f *testing.F) {
	ca, err := newAuthority(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	next, err := ca.succeed(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	data, err := next.encode(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[keyCertificate], data[keyPrivate], data[keyBundle], data[keyCross])
	f.Add([]byte(nil), []byte(nil), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, certificate, key, bundle, cross []byte) {
		ca, err := parseAuthority(map[string][]byte{
			keyCertificate: certificate, keyPrivate: key, keyBundle: bundle, keyCross: cross,
		})
		if err != nil {
			return
		}
		if _, err := ca.issue(time.Now(), []string{ServerName}, nil); err != nil {
			t.Logf("a CA that cannot sign: %v", err)
		}
		ca.bundle(time.Now())
	})
}
