//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
)

// door is an address that clients dial.
type door struct {
	name    string
	address string
	route   *route // that it leads to, if that may be away
	tells   bool   // endpoints are told of the client by the PROXY protocol
	dial    func(address string) (conn, error)
}

// dial connects through any of the doors whose routes are there.
func (w *world) dial() (d *door, c conn, err error) {
	for {
		d := w.doors[rand.IntN(len(w.doors))]
		if c, there, err := w.plan.dial(d); there {
			return d, c, err
		}
	}
}

func dialTCP(address string) (conn, error) {
	c, err := net.DialTimeout("tcp4", address, patience)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// versions of TLS that clients speak.
func versions() []uint16 { return []uint16{tls.VersionTLS12, tls.VersionTLS13} }

// dialTLS dials by a version of TLS, and half of the time by what is left of an
// earlier session, if something is.
func (w *world) dialTLS(id *identity, version uint16, dialer *net.Dialer) func(address string) (conn, error) {
	full := &tls.Config{RootCAs: id.roots, ServerName: host, MinVersion: version, MaxVersion: version}
	resuming := full.Clone()
	resuming.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return func(address string) (conn, error) {
		config := full
		if rand.IntN(2) == 0 {
			config = resuming
		}
		least := id.least()
		c, err := tls.DialWithDialer(dialer, "tcp4", address, config)
		if err != nil {
			return nil, err
		}
		state, kind := c.ConnectionState(), tls.VersionName(version)
		if state.DidResume {
			least, kind = 0, kind+resumed // which shows the certificate of the earlier session
		}
		w.tally.handshake(kind)
		if err := id.shown(state.PeerCertificates[0], least); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		return &secure{Conn: c}, nil
	}
}

// secure is a stream in TLS.
type secure struct {
	*tls.Conn
	resets bool
}

// SetLinger has Close reset the connection, without a word in TLS, if seconds is 0.
func (s *secure) SetLinger(seconds int) error {
	s.resets = seconds == 0
	return s.NetConn().(*net.TCPConn).SetLinger(seconds)
}

func (s *secure) Close() error {
	if s.resets {
		return s.NetConn().Close()
	}
	return s.Conn.Close()
}
