// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// maxNames bounds the names of which a certificate must have one.
const maxNames = 64

// Client is the settings of TLS to endpoints.
type Client struct {
	// ServerName is the host name that endpoints are asked for (SNI). Their certificate
	// must have it, unless there are SubjectAltNames. It may be an IP address, which is
	// not asked for. Empty: nothing is asked for, and SubjectAltNames are needed.
	ServerName string
	// Bundles are names in the Store: what signs the certificates of endpoints. None: the
	// system's roots, as they were at the first handshake of the process.
	Bundles []string
	// SubjectAltNames of which a certificate must have one, in place of ServerName: host
	// names and IP addresses, which it may cover by a wildcard, and URIs, letter by letter.
	SubjectAltNames []string
	// Identity is the name in the Store of what is shown to endpoints that ask for a
	// certificate. Empty: none.
	Identity string
	// Protocols of ALPN, in order of preference. None: none is offered.
	Protocols []string
	// MinVersion is 0 for TLS 1.2 and 1.3, or either as crypto/tls names it.
	MinVersion uint16
}

// Outgoing makes the configs of TLS to endpoints, by settings. It may be used by many
// goroutines.
type Outgoing struct {
	client   Client
	identity *slot    // nil: none
	bundles  []*shelf // none: the system's roots

	mu   sync.Mutex
	made *made // guarded by mu; nil before the first handshake
}

// made is the config made of what the Store had. Its sessions are as old.
type made struct {
	identity *Identity
	bundles  []*Bundle
	config   *tls.Config
	sessions tls.ClientSessionCache
}

// sessionsMost is how many sessions are kept for resumption, of all endpoints together.
const sessionsMost = 256

// Client makes the configs of TLS to endpoints. It is an error if the settings contradict
// themselves, or name what the Store does not have. What is put into the Store again is
// in force for the next handshake, and sessions from before are not resumed then.
func (s *Store) Client(c Client) (*Outgoing, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	o := &Outgoing{client: c}
	if c.Identity != "" {
		if o.identity = s.find(c.Identity); o.identity == nil {
			return nil, fmt.Errorf("identity %q is not there", c.Identity)
		}
	}
	for _, name := range c.Bundles {
		bundle := s.findBundle(name)
		if bundle == nil {
			return nil, fmt.Errorf("trust bundle %q is not there", name)
		}
		o.bundles = append(o.bundles, bundle)
	}
	return o, nil
}

func (c Client) check() error {
	switch {
	case c.ServerName == "" && len(c.SubjectAltNames) == 0:
		return errors.New("TLS to endpoints needs a server name, or subjectAltNames")
	case len(c.SubjectAltNames) > maxNames:
		return fmt.Errorf("%d subjectAltNames are more than %d", len(c.SubjectAltNames), maxNames)
	case slices.Contains(c.SubjectAltNames, ""):
		return errors.New("one of the subjectAltNames is empty")
	case c.MinVersion != 0 && c.MinVersion != tls.VersionTLS12 && c.MinVersion != tls.VersionTLS13:
		return fmt.Errorf("minimum version %#04x is neither TLS 1.2 nor 1.3", c.MinVersion)
	}
	if err := CheckServerName(c.ServerName); err != nil && c.ServerName != "" {
		return err
	}
	return CheckProtocols(c.Protocols)
}

// CheckServerName tells what is wrong with a name that an endpoint's certificate is to
// have: a host name without a wildcard, or an IP address.
func CheckServerName(name string) error {
	if address, err := netip.ParseAddr(name); err == nil && address.Zone() == "" {
		return nil
	}
	if strings.HasPrefix(name, "*") {
		return fmt.Errorf("server name %q has a wildcard: endpoints are asked for one name", name)
	}
	return CheckHost(name)
}

// Config is the config for a handshake with an endpoint. It must not be changed.
func (o *Outgoing) Config(endpoint netip.AddrPort) *tls.Config {
	now := o.current()
	// Each endpoint has sessions of its own: others cannot resume them.
	config := now.config.Clone()
	config.ClientSessionCache = sessions{now.sessions, endpoint.String()}
	return config
}

// current is made of what the Store has now.
func (o *Outgoing) current() *made {
	now := &made{}
	if o.identity != nil {
		now.identity = o.identity.current.Load()
	}
	for _, b := range o.bundles {
		now.bundles = append(now.bundles, b.current.Load())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.made == nil || o.made.identity != now.identity || !slices.Equal(o.made.bundles, now.bundles) {
		now.sessions = tls.NewLRUClientSessionCache(sessionsMost)
		now.config = o.client.config(now)
		o.made = now
	}
	return o.made
}

func (c Client) config(m *made) *tls.Config {
	config := &tls.Config{
		ServerName:                  c.ServerName,
		NextProtos:                  slices.Clone(c.Protocols),
		MinVersion:                  max(c.MinVersion, tls.VersionTLS12),
		CipherSuites:                suites(),
		DynamicRecordSizingDisabled: true, // as towards clients
	}
	if len(m.bundles) > 0 {
		config.RootCAs = pool(m.bundles)
	}
	if m.identity != nil {
		// In place of Certificates: it is shown whatever authorities the endpoint names, so
		// that the endpoint says what it does not like.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return m.identity.certificate, nil
		}
	}
	if names := c.SubjectAltNames; len(names) > 0 {
		config.InsecureSkipVerify = true // for VerifyConnection does it all
		config.VerifyConnection = func(state tls.ConnectionState) error { return verify(state, config.RootCAs, names) }
	}
	return config
}

// verify holds the certificate of an endpoint against roots and names.
func verify(state tls.ConnectionState, roots *x509.CertPool, names []string) error {
	own := state.PeerCertificates[0] // a server has one always
	others := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	if _, err := own.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others}); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	for _, name := range names {
		if strings.Contains(name, "://") {
			if slices.Contains(namesOf(own), name) {
				return nil
			}
		} else if own.VerifyHostname(name) == nil {
			return nil
		}
	}
	return fmt.Errorf("the certificate is for %s, and for none of the names asked for: %s",
		list(namesOf(own)), list(names))
}

// list is the first of some names, for people.
func list(names []string) string {
	const most = 8
	if len(names) == 0 {
		return "no name"
	}
	text := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += ", …"
	}
	return text
}

// sessions are those with one endpoint.
type sessions struct {
	all      tls.ClientSessionCache
	endpoint string
}

// Get implements tls.ClientSessionCache.
func (s sessions) Get(string) (*tls.ClientSessionState, bool) { return s.all.Get(s.endpoint) }

// Put implements tls.ClientSessionCache.
func (s sessions) Put(_ string, state *tls.ClientSessionState) { s.all.Put(s.endpoint, state) }
