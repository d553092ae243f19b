// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/proxyproto"
)

// Link is a connection with an endpoint, which is the caller's to close.
type Link struct {
	TCP *net.TCPConn
	TLS *tls.Conn // over TCP, after the handshake; nil: in the clear
}

// HandshakeError says that an endpoint was reached, and that there is no TLS with it.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "TLS with the endpoint: " + e.Err.Error() }

func (e *HandshakeError) Unwrap() error { return e.Err }

// Reach connects to an endpoint of a pool for somebody who is no client: the PROXY
// header, where the pool asks for one, says that the proxy speaks for itself. It
// returns at the end of ctx at the latest, which should have a deadline. The error is a
// HandshakeError if TCP was there.
func Reach(ctx context.Context, pool *plan.Pool, endpoint netip.AddrPort, congestion string) (Link, error) {
	conn, err := dial(ctx, endpoint, congestion)
	if err != nil {
		return Link{}, err
	}
	return Greet(ctx, conn, &pool.Reach, endpoint, &proxyproto.Header{Local: true})
}

// Greet does on a new connection with an endpoint what goes before payload. With an
// error the connection is closed. header is not used where none is asked for.
func Greet(ctx context.Context, conn *net.TCPConn, reach *plan.Reach, endpoint netip.AddrPort, header *proxyproto.Header) (Link, error) {
	link := Link{TCP: conn}
	if reach.Plain() {
		return link, nil
	}
	err := link.greet(ctx, reach, endpoint, header)
	if err != nil {
		_ = conn.Close()
		return Link{}, err
	}
	return link, nil
}

func (k *Link) greet(ctx context.Context, reach *plan.Reach, endpoint netip.AddrPort, header *proxyproto.Header) error {
	if reach.ProxyProtocol != 0 {
		text, err := header.Format(reach.ProxyProtocol)
		if err != nil {
			return err
		}
		if deadline, ok := ctx.Deadline(); ok {
			_ = k.TCP.SetWriteDeadline(deadline) // on a connection that is gone writing fails
		}
		if _, err := k.TCP.Write(text); err != nil {
			return err
		}
		_ = k.TCP.SetWriteDeadline(time.Time{})
	}
	if reach.TLS == nil {
		return nil
	}
	k.TLS = tls.Client(k.TCP, reach.TLS.Config(endpoint))
	if err := k.TLS.HandshakeContext(ctx); err != nil {
		return &HandshakeError{err}
	}
	return nil
}
