// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Identity is a certificate chain with its key. It is immutable, and logs as its dates.
type Identity struct {
	Begins  time.Time // the time from which all of the chain is good
	Expires time.Time // the time until which all of the chain is good

	certificate *tls.Certificate
}

// Parse reads an identity from PEM: the server's own certificate, followed by those
// that lead from it to what clients trust, and its key (PKCS #1, PKCS #8 or SEC 1, not
// encrypted). It is no error if the certificate has expired.
func Parse(chain, key []byte) (*Identity, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("%w (the server's own certificate must come first, and the key be that one's, in PEM and not encrypted)", err)
	}
	if err := (&tls.ClientHelloInfo{
		SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes:  schemes(),
	}).SupportsCertificate(&pair); err != nil {
		return nil, fmt.Errorf("no client can use the key: %w", err)
	}
	identity := &Identity{certificate: &pair, Begins: pair.Leaf.NotBefore, Expires: pair.Leaf.NotAfter}
	for i, der := range pair.Certificate[1:] {
		issuer, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", i+2, err)
		}
		if issuer.NotBefore.After(identity.Begins) {
			identity.Begins = issuer.NotBefore
		}
		if issuer.NotAfter.Before(identity.Expires) {
			identity.Expires = issuer.NotAfter
		}
	}
	return identity, nil
}

// schemes are the signatures that crypto/tls makes in TLS 1.3.
func schemes() []tls.SignatureScheme {
	return []tls.SignatureScheme{
		tls.Ed25519, tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512,
		tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512,
	}
}

// Check tells whether clients can trust the identity at a time.
func (i *Identity) Check(now time.Time) error {
	switch {
	case now.After(i.Expires):
		return errors.New("the certificate has expired")
	case now.Before(i.Begins):
		return errors.New("the certificate is not good yet")
	}
	return nil
}

// LogValue implements slog.LogValuer, so that no key is ever logged.
func (i *Identity) LogValue() slog.Value {
	return slog.GroupValue(slog.Time("begins", i.Begins), slog.Time("expires", i.Expires))
}

// String implements fmt.Stringer, to the same end.
func (i *Identity) String() string {
	return fmt.Sprintf("certificate from %s to %s", i.Begins.UTC().Format(time.RFC3339), i.Expires.UTC().Format(time.RFC3339))
}

// GoString implements fmt.GoStringer.
func (i *Identity) GoString() string { return i.String() }
