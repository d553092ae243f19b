// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
)

// Clients is what certificates are asked of clients. The zero value asks for none.
type Clients struct {
	// CAs that sign them. nil: none is asked for.
	CAs *x509.CertPool
	// Required refuses a client without one. Else it is only held against CAs and
	// Names if there is one.
	Required bool
	// Names of which a certificate must have one: a DNS name, URI, IP address or mail
	// address, letter by letter. None: every certificate that CAs signed is good.
	Names []string
}

var errClientName = errors.New("the client's certificate is for none of the names that are let in")

// require puts what is asked into a config. A resumed session is held against it too.
func (c Clients) require(config *tls.Config) error {
	if c.CAs == nil {
		if c.Required || len(c.Names) > 0 {
			return errors.New("certificates of clients need a CA bundle")
		}
		return nil
	}
	config.ClientCAs, config.ClientAuth = c.CAs, tls.VerifyClientCertIfGiven
	if c.Required {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if names := slices.Clone(c.Names); len(names) > 0 {
		config.VerifyConnection = func(state tls.ConnectionState) error {
			let := func(name string) bool { return slices.Contains(names, name) }
			if len(state.PeerCertificates) > 0 && !slices.ContainsFunc(namesOf(state.PeerCertificates[0]), let) {
				return errClientName
			}
			return nil
		}
	}
	return nil
}

// namesOf are a certificate's subject alternative names.
func namesOf(certificate *x509.Certificate) []string {
	names := slices.Concat(certificate.DNSNames, certificate.EmailAddresses)
	for _, uri := range certificate.URIs {
		names = append(names, uri.String())
	}
	for _, ip := range certificate.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
