// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Keys of the Secret: the CA certificate and its key, the certificates to trust,
// and the CA certificate again, signed by its predecessor.
const (
	keyCertificate = corev1.TLSCertKey
	keyPrivate     = corev1.TLSPrivateKeyKey
	keyBundle      = corev1.ServiceAccountRootCAKey
	keyCross       = "cross.crt"
)

// maxTrusted bounds the certificates in each list of the Secret.
const maxTrusted = 16

// encode gives the Secret's data.
func (ca *authority) encode(now time.Time) (map[string][]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		keyCertificate: encodeCertificates([]*x509.Certificate{ca.certificate}),
		keyPrivate:     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		keyBundle:      ca.bundle(now),
		keyCross:       encodeCertificates(ca.chain),
	}, nil
}

// parseAuthority reads a Secret's data, of our own making or of cert-manager's.
// A CA there that another CA signed goes out with handshakes, and so do the
// intermediate certificates after it in tls.crt, for those who trust the root in
// ca.crt only.
func parseAuthority(data map[string][]byte) (*authority, error) {
	pair, err := tls.X509KeyPair(data[keyCertificate], data[keyPrivate])
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not a CA certificate", keyCertificate)
	}
	ca := &authority{certificate: pair.Leaf, key: key}
	if ca.older, err = parseCertificates(data[keyBundle]); err != nil {
		return nil, fmt.Errorf("%s: %w", keyBundle, err)
	}
	ca.older = slices.DeleteFunc(ca.older, ca.certificate.Equal)
	if ca.chain, err = parseCertificates(data[keyCross]); err != nil {
		return nil, fmt.Errorf("%s: %w", keyCross, err)
	}
	if bytes.Equal(ca.certificate.RawIssuer, ca.certificate.RawSubject) {
		return ca, nil
	}
	chain, err := parseCertificates(data[keyCertificate])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyCertificate, err)
	}
	ca.chain = append(ca.chain, chain...)
	return ca, nil
}

func encodeCertificates(certificates []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certificates {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return out.Bytes()
}

func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for len(bytes.TrimSpace(text)) > 0 {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, errors.New("not a list of certificates in PEM")
		}
		if len(certificates) == maxTrusted {
			return nil, fmt.Errorf("more than %d certificates", maxTrusted)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certificates, text = append(certificates, c), rest
	}
	return certificates, nil
}
