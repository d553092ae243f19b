// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// maxChain and maxKey bound an identity, so that no Secret makes the config of a whole
	// fleet larger than what can be sent: many times what an authority hands out. In bytes.
	maxChain, maxKey = 128 << 10, 32 << 10
	// maxBundle and maxAuthorities bound a trust bundle as the proxies do: several times
	// what a system's roots come to.
	maxBundle      = 1 << 20 // bytes
	maxAuthorities = 1000
)

// identity is a certificate with its key, read.
type identity struct {
	chain, key []byte // PEM
	hosts      []string
	expires    time.Time // the first of the chain
}

// identity reads the certificate and the key of a Secret, as a proxy will.
func (m *Material) identity() (*identity, error) { return m.asIdentity.get(m.readIdentity) }

func (m *Material) readIdentity() (*identity, error) {
	if m.Type != string(corev1.SecretTypeTLS) {
		return nil, fmt.Errorf("its type is %q, not %s; a Secret's type cannot be changed, so delete it and create it anew",
			m.Type, corev1.SecretTypeTLS)
	}
	for _, part := range []struct {
		key  string
		most int
	}{{KeyCertificate, maxChain}, {KeyPrivate, maxKey}} {
		switch n := len(m.Data[part.key]); {
		case n == 0:
			return nil, fmt.Errorf("there is nothing under %s", part.key)
		case n > part.most:
			return nil, fmt.Errorf("%s has %d bytes, more than %d; leave only what is needed in it", part.key, n, part.most)
		}
	}
	own := &identity{chain: m.Data[KeyCertificate], key: m.Data[KeyPrivate]}
	pair, err := tls.X509KeyPair(own.chain, own.key)
	if err != nil {
		return nil, fmt.Errorf("%s; %s must be PEM that begins with the server's own certificate, and %s that one's key, not encrypted",
			strings.TrimPrefix(err.Error(), "tls: "), KeyCertificate, KeyPrivate)
	}
	if err := usable(&pair); err != nil {
		return nil, err
	}
	own.hosts, own.expires = hosts(pair.Leaf), pair.Leaf.NotAfter
	for i, der := range pair.Certificate[1:] {
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of %s: %w", i+2, KeyCertificate, err)
		}
		if issuer.NotAfter.Before(own.expires) {
			own.expires = issuer.NotAfter
		}
	}
	return own, nil
}

// usable tells whether there are signatures that proxies make with a key.
func usable(pair *tls.Certificate) error {
	err := (&tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{
			tls.Ed25519, tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512,
			tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
		},
	}).SupportsCertificate(pair)
	if err != nil {
		return fmt.Errorf("no client can use the key: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return nil
}

// hosts are the names in a certificate that clients can ask for, in small letters.
func hosts(leaf *x509.Certificate) []string {
	var names []string
	for _, name := range leaf.DNSNames {
		if name = strings.ToLower(name); askedFor(name) {
			names = append(names, name)
		}
	}
	return names
}

// askedFor tells whether a name, or *.SUFFIX, is one that clients ask for. It is as
// strict as the proxies are.
func askedFor(name string) bool {
	const maxHost, maxLabel = 253, 63
	rest := strings.TrimPrefix(name, "*.")
	if len(name) > maxHost || rest == "" {
		return false
	}
	labels := strings.Split(rest, ".")
	for _, label := range labels {
		other := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, other) {
			return false
		}
	}
	// An address is no name; no top-level domain is a number.
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// bundle reads the certificates of authorities, in PEM and without what is around them.
func (m *Material) bundle() ([]byte, error) { return m.asBundle.get(m.readBundle) }

func (m *Material) readBundle() ([]byte, error) {
	text := m.Data[KeyAuthorities]
	switch {
	case len(text) == 0:
		return nil, fmt.Errorf("there is nothing under %s; put certificates in PEM there", KeyAuthorities)
	case len(text) > maxBundle:
		return nil, fmt.Errorf("%s has %d bytes, more than %d; leave only what is needed in it", KeyAuthorities, len(text), maxBundle)
	}
	var out bytes.Buffer
	count := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		text = rest
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, fmt.Errorf("%s has a private key in it, which does not belong there; take it out, and use that key no more", KeyAuthorities)
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s can have certificates only, and has a %q", KeyAuthorities, block.Type)
		}
		if count++; count > maxAuthorities {
			return nil, fmt.Errorf("%s has more than %d certificates; leave only what is needed in it", KeyAuthorities, maxAuthorities)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("certificate %d of %s: %w", count, KeyAuthorities, err)
		}
		out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	switch {
	case count == 0:
		return nil, fmt.Errorf("%s has no certificate in PEM (-----BEGIN CERTIFICATE-----)", KeyAuthorities)
	case bytes.Contains(text, []byte("-----BEGIN")):
		return nil, errors.New("what follows the last certificate of " + KeyAuthorities + " is not in PEM")
	}
	return out.Bytes(), nil
}
