// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Limits of a bundle: several times what a system's roots come to.
const (
	maxBundle       = 1 << 20 // bytes
	maxCertificates = 1000
)

// Bundle is certificates that sign others, and are trusted to. It is immutable. The
// zero Bundle trusts nobody.
type Bundle struct {
	certificates []*x509.Certificate
}

// ParseBundle reads certificates in PEM, one at least. Text between them is passed
// over. It is no error if one has expired: others of its subject may follow it.
func ParseBundle(text []byte) (*Bundle, error) {
	if len(text) > maxBundle {
		return nil, fmt.Errorf("a bundle of %d bytes is larger than %d: leave only what is needed in it", len(text), maxBundle)
	}
	b := &Bundle{}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, errors.New("a bundle of certificates has a private key in it, which does not belong there")
		case block.Type != "CERTIFICATE":
			return nil, fmt.Errorf("a bundle can have certificates only, and this has a %q", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the bundle: %w", len(b.certificates)+1, err)
		}
		if b.certificates = append(b.certificates, certificate); len(b.certificates) > maxCertificates {
			return nil, fmt.Errorf("the bundle has more than %d certificates: leave only what is needed in it", maxCertificates)
		}
	}
	switch {
	case bytes.Contains(text, []byte("-----BEGIN")):
		return nil, fmt.Errorf("what follows certificate %d of the bundle is not in PEM", len(b.certificates))
	case len(b.certificates) == 0:
		return nil, errors.New("the bundle has no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return b, nil
}

// Len is the number of certificates.
func (b *Bundle) Len() int { return len(b.certificates) }

// PutBundle makes a bundle the one of that name, from the next handshake on. Bundles
// and identities do not share names.
func (s *Store) PutBundle(name string, bundle *Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.bundles[name]
	if known == nil {
		known = &shelf{}
		if s.bundles == nil {
			s.bundles = map[string]*shelf{}
		}
		s.bundles[name] = known
	}
	known.current.Store(bundle)
}

func (s *Store) findBundle(name string) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bundles[name]
}

// pool is the certificates of bundles together.
func pool(bundles []*Bundle) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, b := range bundles {
		for _, c := range b.certificates {
			pool.AddCert(c)
		}
	}
	return pool
}
