// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"testing"
)

// TestBytesPerSecond: whatever a connection is, its pace changes nothing but the time.
func TestBytesPerSecond(t *testing.T) {
	const rate, much = 256 * kib, 384 * kib // half a second's worth has to wait
	for _, s := range []scenario{
		{
			name:    "a stream of the client and its end",
			client:  steps(send(much), shut, receiveEnd),
			backend: steps(receiveEnd, shut),
			want:    seen{nothing, whole, "1 completed"},
		},
		{
			name:    "a stream of the backend and its end",
			client:  steps(receiveEnd, shut),
			backend: steps(send(much), shut, receiveEnd),
			want:    seen{whole, nothing, "1 completed"},
		},
		{
			name:    "streams both ways",
			client:  steps(exchange(send(much), shut)),
			backend: steps(exchange(send(much), shut)),
			want:    seen{whole, whole, "1 completed"},
		},
		{
			name:    "messages in turn",
			client:  steps(send(200*kib), receive(200*kib), send(184*kib), shut, receiveEnd),
			backend: steps(receive(200*kib), send(200*kib), receive(184*kib), receiveEnd, shut),
			want:    seen{whole, whole, "1 completed"},
		},
		{
			name:    "a reader that takes its time",
			client:  steps(send(much), shut, receiveEnd),
			backend: steps(rest, receiveEnd, shut),
			want:    seen{nothing, whole, "1 completed"},
		},
	} {
		s.route.bytesPerSecond = rate
		s.test(t)
		for _, secret := range []secret{{client: true}, {backend: true}} {
			s := s
			s.secret, s.name = secret, fmt.Sprintf("%s, %+v", s.name, secret)
			s.test(t)
		}
	}
	for _, s := range []scenario{
		{
			name:    "a reset behind what has to wait",
			client:  steps(send(much), await("half"), reset),
			backend: steps(receive(rate), tell("half"), receiveEnd),
			want:    seen{"nothing", aborted, byClient},
		},
		{
			name:    "a reset of who has to wait",
			client:  steps(sendUntilRefused, receiveEnd),
			backend: steps(receive(rate), reset),
			want:    seen{aborted, "some", byBackend},
		},
	} {
		s.route.bytesPerSecond = rate
		s.test(t)
	}
}
