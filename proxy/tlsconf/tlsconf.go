// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tlsconf says how the TLS of a listener's clients ends, and how that to
// endpoints begins. A Store holds identities (certificate chains with their keys) and
// bundles of what is trusted, by name. It makes of a listener's settings the *tls.Config
// for it: TLS 1.2 and 1.3 with forward secrecy only, and the identity chosen by the host
// name that a client asks for; and of a pool's settings the configs for its endpoints.
// What is put into the Store again is in force for the next handshake, in every config
// made of it. It reads no files, and no key leaves it but inside a *tls.Config.
package tlsconf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Server is the settings of a listener.
type Server struct {
	// Identities: host name, or *.SUFFIX for each name with one more label -> name in
	// the Store. The host name wins.
	Identities map[string]string
	// Default is for clients that ask for no name, or for one that nobody has. Empty:
	// their handshake ends with the alert unrecognized_name.
	Default string
	// Protocols of ALPN, in order of preference. A client that offers others only is
	// refused with no_application_protocol. None: none is agreed upon.
	Protocols []string
	// MinVersion is tls.VersionTLS12 or tls.VersionTLS13. 0: the former.
	MinVersion uint16
	Clients    Clients
}

// suites of TLS 1.2: forward secrecy and authenticated encryption. Those of TLS 1.3
// all have both.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// Server makes the config of a listener. It is an error if the settings contradict
// themselves, or name an identity that the Store does not have.
//
// Sessions are resumed by tickets. Their keys are the config's own, random, and
// replaced each day, unless SetSessionTicketKeys is called on it, which may be done
// at any time. A copy of the config has keys of its own.
func (s *Store) Server(o Server) (*tls.Config, error) {
	choice, err := s.choose(o)
	if err != nil {
		return nil, err
	}
	if err := CheckProtocols(o.Protocols); err != nil {
		return nil, err
	}
	if v := o.MinVersion; v != 0 && v != tls.VersionTLS12 && v != tls.VersionTLS13 {
		return nil, fmt.Errorf("minimum version %#04x is neither TLS 1.2 nor 1.3", v)
	}
	config := &tls.Config{
		MinVersion:     max(o.MinVersion, tls.VersionTLS12),
		CipherSuites:   suites(),
		NextProtos:     slices.Clone(o.Protocols),
		GetCertificate: choice.certificate,
		// Records are gathered and sent together: small ones would only cost more.
		DynamicRecordSizingDisabled: true,
	}
	return config, o.Clients.require(config)
}

// choice is how the identity for a client is found.
type choice struct {
	exact    map[string]*slot // host name
	wildcard map[string]*slot // what follows *
	other    *slot            // nil: nobody
}

func (s *Store) choose(o Server) (*choice, error) {
	c := &choice{exact: map[string]*slot{}, wildcard: map[string]*slot{}}
	if len(o.Identities) == 0 && o.Default == "" {
		return nil, errors.New("TLS needs an identity")
	}
	if o.Default != "" {
		if c.other = s.find(o.Default); c.other == nil {
			return nil, fmt.Errorf("identity %q is not there", o.Default)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(o.Identities)) { // so that the error is always the same
		name := o.Identities[host]
		if err := CheckHost(host); err != nil {
			return nil, err
		}
		identity := s.find(name)
		if identity == nil {
			return nil, fmt.Errorf("identity %q of %s is not there", name, host)
		}
		to, host := c.exact, strings.ToLower(host)
		if suffix, ok := strings.CutPrefix(host, "*"); ok {
			to, host = c.wildcard, suffix
		}
		if to[host] != nil {
			return nil, fmt.Errorf("host name %s has two identities", host)
		}
		to[host] = identity
	}
	return c, nil
}

// certificate implements tls.Config.GetCertificate. Without certificate and error a
// handshake ends with the alert unrecognized_name.
func (c *choice) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := strings.ToLower(hello.ServerName)
	if identity := c.exact[host]; identity != nil {
		return identity.current.Load().certificate, nil
	}
	if dot := strings.IndexByte(host, '.'); dot > 0 {
		if identity := c.wildcard[host[dot:]]; identity != nil {
			return identity.current.Load().certificate, nil
		}
	}
	if c.other != nil {
		return c.other.current.Load().certificate, nil
	}
	return nil, nil
}
