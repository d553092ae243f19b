// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"
	"time"
)

// soon is a limit that a test waits for.
const soon = 300 * time.Millisecond

func TestLimitsOfARoute(t *testing.T) {
	for _, s := range []scenario{
		{
			name:    "idle from the beginning",
			client:  steps(receiveEnd),
			backend: steps(receiveEnd),
			route:   route{idle: soon},
			want:    seen{nothing, nothing, "1 idle_timeout"},
		},
		{
			name:    "idle after an exchange",
			client:  steps(send(1000), receive(2000), receiveEnd),
			backend: steps(receive(1000), send(2000), receiveEnd),
			route:   route{idle: soon},
			want:    seen{whole, whole, "1 idle_timeout"},
		},
		{
			name:    "idle with one side closed",
			client:  steps(send(1000), shut, receiveEnd, tell("over")),
			backend: steps(receiveEnd, await("over")),
			route:   route{idle: soon},
			want:    seen{nothing, whole, "1 idle_timeout"},
		},
		{
			name:    "idle with a backend that does not read",
			client:  steps(fill, receiveEnd, tell("over")),
			backend: steps(await("over"), receiveEnd),
			route:   route{idle: time.Second},
			want:    seen{aborted, aborted, "1 idle_timeout"},
		},
		{
			name:    "idle with a client that does not read",
			client:  steps(await("over"), receiveEnd),
			backend: steps(fill, receiveEnd, tell("over")),
			route:   route{idle: time.Second},
			want:    seen{aborted, aborted, "1 idle_timeout"},
		},
		{
			name:    "lifetime in the middle of a stream of the client",
			client:  steps(sendUntilRefused, receiveEnd),
			backend: steps(receiveEnd),
			route:   route{lifetime: soon},
			want:    seen{aborted, aborted, "1 lifetime_exceeded"},
		},
		{
			name:    "lifetime in the middle of a stream of the backend",
			client:  steps(receiveEnd),
			backend: steps(sendUntilRefused, receiveEnd),
			route:   route{lifetime: soon},
			want:    seen{aborted, aborted, "1 lifetime_exceeded"},
		},
		{
			name:    "lifetime with nobody who reads",
			client:  steps(fill, await("over"), receiveEnd),
			backend: steps(fill, awaitReset, tell("over"), receiveEnd),
			route:   route{lifetime: time.Second},
			want:    seen{aborted, aborted, "1 lifetime_exceeded"},
		},
		{
			name:    "lifetime at rest",
			client:  steps(send(1000), receiveEnd),
			backend: steps(receiveEnd),
			route:   route{lifetime: 2 * time.Second},
			want:    seen{nothing, whole, "1 lifetime_exceeded"},
		},
	} {
		s.test(t)
	}
}

func TestTheEndOfTheProxyEndsConnections(t *testing.T) {
	for _, s := range []scenario{
		{
			name:    "in the middle of a stream",
			client:  steps(send(1000), receive(1000), tell("taken"), receiveEnd),
			backend: steps(receive(1000), send(1000), await("taken"), drain, receiveEnd),
			want:    seen{aborted, aborted, "1 drain_deadline"},
		},
		{
			name:    "in the middle of much",
			client:  steps(sendUntilRefused, receiveEnd),
			backend: steps(receive(2*mib), drain, receiveEnd),
			want:    seen{aborted, aborted, "1 drain_deadline"},
		},
		{
			name:    "at rest",
			client:  steps(send(1000), receive(1000), receiveEnd),
			backend: steps(receive(1000), send(1000), rest, drain, receiveEnd),
			want:    seen{whole, whole, "1 drain_deadline"},
		},
	} {
		s.test(t)
	}
}
