// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// laden has a config limit all that can be limited, to what a crowd just stays below if
// whoever ends is counted out, and has endpoints told of clients.
func laden(config *pushv1.Config) {
	const most = 2 * crowdSize
	l, r, p := config.Listeners[0], config.Routes[0], config.Pools[0]
	l.MaxConnections, l.MaxHandshakes = most, most
	r.Limits.MaxConnections, r.Limits.MaxConnectionsPerClient = most, most
	if p.Settings == nil {
		p.Settings = &pushv1.PoolSettings{}
	}
	p.Settings.MaxConnectionsPerEndpoint, p.Settings.MaxPending = most, most
	p.Settings.ProxyProtocol = pushv1.ProxyProtocolVersion_PROXY_PROTOCOL_VERSION_V2
}

// headed tells whether what an endpoint hears first is the header that the client sent.
func headed(conn *net.TCPConn) bool {
	got := make([]byte, len(header))
	_, err := io.ReadFull(conn, got)
	return err == nil && string(got) == header
}

// TestRandomConversationsWithAllAtOnce: a header in front and one to the endpoint, names,
// TLS, a pace and limits, on one connection.
func TestRandomConversationsWithAllAtOnce(t *testing.T) {
	number := *seed
	if number == 0 {
		number = rand.Uint64()
	}
	for _, p := range planes() {
		for _, secret := range append(secrets(), secret{}) {
			t.Run(fmt.Sprintf("%s, secret %+v", p.name, secret), func(t *testing.T) {
				r := route{secret: secret, front: true, laden: true, bytesPerSecond: 30 * mib}
				converseAtRandom(t, newCrowd(t, p, sockets{tight: true}, r), number, randomScripts(number)[:secretOnes])
			})
		}
	}
}
