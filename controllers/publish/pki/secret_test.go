// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto/x509"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

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
