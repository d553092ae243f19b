// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// header is what the client begins with where a proxy is said to be in front: a PROXY
// header of version 2.
const header = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x09\xc0\x00\x02\x08\x26\xac\x01\xbb"

// behind has a config await the header, and where clients are in TLS, the name that they
// ask for.
func behind(config *pushv1.Config) {
	config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"127.0.0.0/8"}}
	if r := config.Routes[0]; r.GetTls() != nil {
		r.Hostnames = []string{peerName}
	}
}

// TestStreamsAfterWhatIsReadFirst: what was read to route a connection leaves no trace.
func TestStreamsAfterWhatIsReadFirst(t *testing.T) {
	for _, secret := range append(secrets(), secret{}) {
		for _, s := range []scenario{
			{
				name:    "nothing is said",
				client:  steps(exchange(shut)),
				backend: steps(exchange(shut)),
				want:    seen{nothing, nothing, completed},
			},
			{
				name:    "backend that speaks first",
				client:  steps(receive(100), send(10), receive(20), shut, receiveEnd),
				backend: steps(send(100), receive(10), send(20), receiveEnd),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "exchange of many bytes",
				client:  steps(exchange(send(5*mib), shut)),
				backend: steps(exchange(send(4*mib), shut)),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "the client says first that this was all",
				client:  steps(send(1*mib), shut, receiveEnd),
				backend: steps(receiveEnd, send(1*mib), shut),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "request and response in turn",
				client:  steps(pingPong(300, send(1000), receive(20*kib)), shut, receiveEnd),
				backend: steps(pingPong(300, receive(1000), send(20*kib)), receiveEnd),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "backend that does not read for a while",
				client:  steps(send(64*kib), tell("sent"), send(5*mib), shut, receiveEnd),
				backend: steps(await("sent"), receiveEnd, send(5), shut),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "reset by the backend",
				client:  steps(send(1000), receiveEnd),
				backend: steps(receive(1000), reset),
				want:    seen{"the beginning, RST", "all", "1 backend_reset"},
			},
		} {
			s.secret, s.route.front = secret, true
			s.name = fmt.Sprintf("%s, %+v", s.name, secret)
			s.test(t)
		}
	}
}
