// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestConnecting(t *testing.T) {
	for _, s := range []scenario{
		{
			name:    "one of two endpoints refuses",
			client:  steps(exchange(send(1000), shut)),
			backend: steps(exchange(send(1000), shut)),
			to: func(t *testing.T, s sockets) ([]netip.AddrPort, func(*marks) (*net.TCPConn, error)) {
				endpoints, accept := plainly(t, s)
				return append(endpoints, refusing(t)), accept
			},
			want: seen{whole, whole, completed},
		},
		{
			name:   "all endpoints refuse",
			client: steps(receiveEnd),
			to:     nowhere(refusing, refusing),
			want:   seen{aborted, "nothing", "1 connect_failed"},
		},
		{
			name:   "all endpoints refuse one who has sent something",
			client: steps(sendUntilBroken, receiveEnd),
			to:     nowhere(refusing),
			want:   seen{aborted, "nothing", "1 connect_failed"},
		},
		{
			name:   "there is no endpoint",
			client: steps(receiveEnd),
			to:     nowhere(),
			want:   seen{aborted, "nothing", "1 no_endpoints"},
		},
		{
			name:   "no endpoint answers",
			client: steps(receiveEnd),
			to:     nowhere(silent),
			route:  route{connect: soon},
			want:   seen{aborted, "nothing", "1 connect_timeout"},
		},
		{
			name:   "the client resets, and no endpoint answers",
			client: steps(send(1000), reset),
			to:     nowhere(silent),
			route:  route{connect: soon},
			want:   seen{"nothing", "nothing", "1 connect_timeout"},
		},
		{
			name:    "the client sends all it has before the endpoint answers",
			client:  steps(sendWithFIN(1000), tell("go on"), receiveEnd),
			backend: steps(receiveEnd, send(1000), shut),
			to:      late,
			want:    seen{whole, whole, completed},
		},
		{
			name:    "the client sends much and closes before the endpoint answers",
			client:  steps(send(60*kib), hangUp, tell("go on")),
			backend: steps(receiveEnd),
			to:      late,
			want:    seen{"nothing", whole, completed},
		},
		{
			name:    "the client resets before the endpoint answers",
			client:  steps(send(1000), reset, tell("go on")),
			backend: steps(receiveEnd),
			to:      late,
			want:    seen{"nothing", aborted, byClient},
		},
	} {
		s.test(t)
	}
}

// nowhere is a way to endpoints that take no connection.
func nowhere(endpoints ...func(testing.TB) netip.AddrPort) way {
	return func(t *testing.T, _ sockets) ([]netip.AddrPort, func(*marks) (*net.TCPConn, error)) {
		var made []netip.AddrPort
		for _, endpoint := range endpoints {
			made = append(made, endpoint(t))
		}
		return made, nil
	}
}

// silent is an address that answers no attempt to connect.
func silent(t testing.TB) netip.AddrPort {
	address, _ := busy(t)
	return address
}

// late is a way to an endpoint that answers only after the mark "go on", when the
// kernel sends its SYN again.
func late(t *testing.T, _ sockets) ([]netip.AddrPort, func(*marks) (*net.TCPConn, error)) {
	address, free := busy(t)
	return []netip.AddrPort{address}, func(m *marks) (*net.TCPConn, error) {
		select {
		case <-m.get("go on"):
		case <-time.After(patience):
		}
		return free()
	}
}
