// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	caLife      = 365 * 24 * time.Hour
	servingLife = 24 * time.Hour
	// skew is how far a peer's clock may be behind.
	skew = time.Hour
)

// authority is a CA: what the Secret says.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	chain       []*x509.Certificate // that lead from certificate to other trusted ones, sent along in handshakes
	older       []*x509.Certificate // trusted besides certificate
}

// newAuthority makes a CA that signs itself.
func newAuthority(now time.Time) (*authority, error) {
	template, key, err := newTemplate(now, caLife)
	if err != nil {
		return nil, err
	}
	template.Subject = pkix.Name{CommonName: fmt.Sprintf("wye-controller CA %.8x", template.SerialNumber.Bytes())}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLen = 1 // for the successor
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &authority{certificate: certificate, key: key}, nil
}

// succeed makes the CA that follows ca, which signs the successor's key as long
// as it is valid itself.
func (ca *authority) succeed(now time.Time) (*authority, error) {
	next, err := newAuthority(now)
	if err != nil {
		return nil, err
	}
	next.older = append([]*x509.Certificate{ca.certificate}, ca.older...)
	if !now.Before(ca.certificate.NotAfter) {
		return next, nil
	}
	template := *next.certificate
	template.MaxPathLen, template.MaxPathLenZero = 0, true
	template.NotAfter = ca.certificate.NotAfter
	template.AuthorityKeyId = nil // of the signer, which CreateCertificate fills in
	if template.SerialNumber, err = serial(); err != nil {
		return nil, err
	}
	cross, err := sign(&template, ca.certificate, next.key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	next.chain = []*x509.Certificate{cross}
	return next, nil
}

// issue makes a serving certificate, with a key of its own.
func (ca *authority) issue(now time.Time, names []string, addresses []net.IP) (*tls.Certificate, error) {
	template, key, err := newTemplate(now, servingLife)
	if err != nil {
		return nil, err
	}
	if template.NotAfter.After(ca.certificate.NotAfter) {
		template.NotAfter = ca.certificate.NotAfter
	}
	template.Subject = pkix.Name{CommonName: names[0]}
	template.DNSNames, template.IPAddresses = names, addresses
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf, err := sign(template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	certificate := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for _, c := range ca.chain {
		if now.Before(c.NotAfter) {
			certificate.Certificate = append(certificate.Certificate, c.Raw)
		}
	}
	return certificate, nil
}

// bundle gives the certificates that are to be trusted now, the newest first, in PEM.
func (ca *authority) bundle(now time.Time) []byte {
	trusted := []*x509.Certificate{ca.certificate}
	for _, c := range ca.older {
		if now.Before(c.NotAfter) {
			trusted = append(trusted, c)
		}
	}
	return encodeCertificates(trusted)
}

// newTemplate makes a certificate to be signed, and its key.
func newTemplate(now time.Time, life time.Duration) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	number, err := serial()
	if err != nil {
		return nil, nil, err
	}
	return &x509.Certificate{SerialNumber: number, NotBefore: now.Add(-skew), NotAfter: now.Add(life)}, key, nil
}

// serial is a random number of 128 bits, as RFC 5280 and the CA/Browser Forum have it.
func serial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
}

func sign(template, parent *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// twoThirds is when two thirds of a certificate's life are over.
func twoThirds(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-c.NotAfter.Sub(c.NotBefore) / 3)
}
