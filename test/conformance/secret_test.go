// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// secret says with whom the proxy speaks in TLS.
type secret struct{ client, backend bool }

// stream is what a peer speaks over.
type stream interface {
	io.ReadWriter
	CloseWrite() error
}

// keys are what the peers and the proxy need for TLS.
type keys struct {
	client, backend *tls.Config
	identity        *tlsconf.Identity
	bundle          *tlsconf.Bundle
}

// peerName is in all certificates.
const peerName = "peer.example.com"

func newKeys(t testing.TB) keys {
	t.Helper()
	authority := pushtest.NewAuthority(t)
	chain, key := authority.Identity(t, peerName)
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	k := keys{
		client:  &tls.Config{RootCAs: roots, ServerName: peerName},
		backend: &tls.Config{Certificates: []tls.Certificate{pair}},
	}
	if k.identity, err = tlsconf.Parse(chain, key); err != nil {
		t.Fatal(err)
	}
	if k.bundle, err = tlsconf.ParseBundle(authority.PEM); err != nil {
		t.Fatal(err)
	}
	return k
}

// put gives the proxy its keys.
func (k keys) put(store *tlsconf.Store) {
	if k.identity != nil {
		store.Put("own", k.identity)
		store.PutBundle("authority", k.bundle)
	}
}

// settle has a config ask for TLS.
func (s secret) settle(config *pushv1.Config) {
	if s.client {
		config.Routes[0].Tls = &pushv1.ServerTLS{DefaultIdentity: "own"}
	}
	if s.backend {
		config.Pools[0].Settings = &pushv1.PoolSettings{
			Tls: &pushv1.ClientTLS{ServerName: peerName, TrustBundles: []string{"authority"}},
		}
	}
}

// shake agrees on TLS with the proxy.
func (p *peer) shake() bool {
	conn := tls.Server(p.conn, p.keys)
	if len(p.keys.Certificates) == 0 {
		conn = tls.Client(p.conn, p.keys)
	}
	if err := conn.Handshake(); err != nil {
		p.t.Error(err)
		return false
	}
	p.speak = conn
	return true
}

// secrets are all ways to have TLS.
func secrets() []secret {
	return []secret{{client: true}, {backend: true}, {client: true, backend: true}}
}

func TestSecretStreams(t *testing.T) {
	for _, secret := range secrets() {
		for _, s := range []scenario{
			{
				name:    "nothing",
				client:  steps(shut, receiveEnd),
				backend: steps(receiveEnd, shut),
				want:    seen{nothing, nothing, completed},
			},
			{
				name:    "exchange of few bytes",
				client:  steps(exchange(send(1000), shut)),
				backend: steps(exchange(send(1000), shut)),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "exchange of many bytes",
				client:  steps(exchange(send(5*mib), shut)),
				backend: steps(exchange(send(4*mib), shut)),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "many bytes, a few at a time",
				client:  steps(exchange(sendBy(300*kib, 1000), shut)),
				backend: steps(exchange(sendBy(300*kib, 777), shut)),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "the client says first that this was all",
				client:  steps(send(1*mib), shut, receiveEnd),
				backend: steps(receiveEnd, send(1*mib), shut),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "the backend says first that this was all",
				client:  steps(receiveEnd, send(1*mib), shut),
				backend: steps(send(1*mib), shut, receiveEnd),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "request and response in turn",
				client:  steps(pingPong(300, send(1000), receive(20*kib)), shut, receiveEnd),
				backend: steps(pingPong(300, receive(1000), send(20*kib)), receiveEnd),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "client that does not read for a while",
				client:  steps(await("sent"), receiveEnd, send(5), shut),
				backend: steps(send(64*kib), tell("sent"), send(5*mib), shut, receiveEnd),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "backend that does not read for a while",
				client:  steps(send(64*kib), tell("sent"), send(5*mib), shut, receiveEnd),
				backend: steps(await("sent"), receiveEnd, send(5), shut),
				want:    seen{whole, whole, completed},
			},
		} {
			for _, buffers := range []sockets{{}, {tight: true}} {
				s.secret, s.sockets = secret, buffers
				s.name = fmt.Sprintf("%s, %+v, tight %t", s.name, secret, buffers.tight)
				s.test(t)
			}
		}
	}
}

func TestSecretStreamsThatBreakOff(t *testing.T) {
	for _, secret := range secrets() {
		for _, s := range []scenario{
			{
				name:    "the client resets",
				client:  steps(send(1000), await("taken"), reset),
				backend: steps(receive(1000), tell("taken"), receiveEnd),
				want:    seen{"nothing", aborted, byClient},
			},
			{
				name:    "the backend resets",
				client:  steps(receive(1000), tell("taken"), receiveEnd),
				backend: steps(send(1000), await("taken"), reset),
				want:    seen{aborted, "nothing", byBackend},
			},
			{
				name:    "the client goes in the middle of what it receives",
				client:  steps(receive(2*mib), reset),
				backend: steps(sendUntilRefused, receiveEnd),
				want:    seen{"some", aborted, byClient},
			},
			{
				name:    "the backend goes in the middle of what it receives",
				client:  steps(sendUntilRefused, receiveEnd),
				backend: steps(receive(2*mib), reset),
				want:    seen{aborted, "some", byBackend},
			},
			{
				name:    "the time of the connection is over in the middle of a stream",
				client:  steps(receiveEnd),
				backend: steps(sendUntilRefused, receiveEnd),
				route:   route{lifetime: soon},
				want:    seen{aborted, aborted, "1 lifetime_exceeded"},
			},
			{
				name:    "the proxy ends in the middle of a stream",
				client:  steps(sendUntilRefused, receiveEnd),
				backend: steps(receive(2*mib), drain, receiveEnd),
				want:    seen{aborted, aborted, "1 drain_deadline"},
			},
		} {
			s.secret = secret
			s.name = fmt.Sprintf("%s, %+v", s.name, secret)
			s.test(t)
		}
	}
}

// A part of a record cannot pass for the end of a stream.
func TestATornRecordIsAReset(t *testing.T) {
	for _, s := range []scenario{
		{
			name:    "of the client",
			secret:  secret{client: true},
			client:  steps(send(1000), tear, receiveEnd),
			backend: steps(receiveEnd),
			want:    seen{aborted, aborted, byClient},
		},
		{
			name:    "of the backend",
			secret:  secret{backend: true},
			client:  steps(receiveEnd),
			backend: steps(send(1000), tear, receiveEnd),
			want:    seen{aborted, aborted, byBackend},
		},
	} {
		s.test(t)
	}
}

// tear sends the beginning of a record, and then FIN.
func tear(p *peer) {
	_, _ = p.conn.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
	p.shut.Store(true)
	_ = p.conn.CloseWrite()
}
