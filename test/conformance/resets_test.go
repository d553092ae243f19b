// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"
)

const (
	byClient  = "1 client_reset"
	byBackend = "1 backend_reset"
)

// abort is a way to come to a reset: what the peer that resets does, and the other.
type abort struct {
	name            string
	resetter, other []step
	want            string // what the other sees
	got             string // what the resetter has seen
}

func TestResetsArePassedOn(t *testing.T) {
	for _, a := range []abort{
		{
			name:     "before a byte of its own",
			resetter: steps(receive(1), reset),
			other:    steps(send(1), receiveEnd),
			want:     aborted, got: "all",
		},
		{
			name:     "after its data was taken",
			resetter: steps(send(1000), await("taken"), reset),
			other:    steps(receive(1000), tell("taken"), receiveEnd),
			want:     aborted, got: "nothing",
		},
		{
			name:     "right after its data",
			resetter: steps(receive(1), send(1000), reset),
			other:    steps(send(1), receiveEnd),
			want:     aborted, got: "all",
		},
		{
			name:     "with input that it has not read",
			resetter: steps(awaitInput, reset),
			other:    steps(send(1000), receiveEnd),
			want:     aborted, got: "nothing",
		},
		{
			name:     "by closing with input that it has not read",
			resetter: steps(awaitInput, hangUp),
			other:    steps(send(1000), receiveEnd),
			want:     aborted, got: "nothing",
		},
		{
			name:     "by closing in the middle of what it receives",
			resetter: steps(receive(2*mib), hangUp),
			other:    steps(sendUntilRefused, receiveEnd),
			want:     aborted, got: "some",
		},
		{
			name:     "in the middle of what it receives",
			resetter: steps(receive(2*mib), reset),
			other:    steps(sendUntilRefused, receiveEnd),
			want:     aborted, got: "some",
		},
		{
			name:     "in the middle of what it sends",
			resetter: steps(receive(1), send(3*mib), reset),
			other:    steps(send(1), receiveEnd),
			want:     aborted, got: "all",
		},
		{
			name:     "in the middle of both",
			resetter: steps(atOnce(steps(send(2*mib), tell("sent")), steps(receive(2*mib))), reset),
			other:    steps(atOnce(steps(sendUntilRefused), steps(receiveEnd))),
			want:     aborted, got: "some",
		},
		{
			name:     "while its output is stuck",
			resetter: steps(fill, tell("full"), reset, tell("reset")),
			other:    steps(await("reset"), receiveEnd),
			want:     aborted, got: "nothing",
		},
		{
			name:     "while the other's output is stuck",
			resetter: steps(await("full"), reset),
			other:    steps(fill, tell("full"), receiveEnd),
			want:     aborted, got: "nothing",
		},
		{
			name:     "while both outputs are stuck",
			resetter: steps(fill, tell("full"), await("other full"), reset, tell("reset")),
			other:    steps(fill, tell("other full"), await("reset"), receiveEnd),
			want:     aborted, got: "nothing",
		},
		{
			name:     "after its FIN",
			resetter: steps(send(10), shut, await("seen"), reset, tell("reset")),
			other:    steps(receiveEnd, tell("seen"), await("reset"), sendUntilBroken),
			want:     whole, got: "nothing",
		},
		{
			name:     "after the other's FIN",
			resetter: steps(receiveEnd, reset),
			other:    steps(send(10), shut, receiveEnd),
			want:     aborted, got: whole,
		},
		{
			name:     "after the other's FIN, with data before it",
			resetter: steps(receiveEnd, send(10), await("taken"), reset),
			other:    steps(send(10), shut, receive(10), tell("taken"), receiveEnd),
			want:     aborted, got: whole,
		},
		{
			name:     "after its FIN, while the other sends much",
			resetter: steps(shut, receive(mib), reset),
			other:    steps(receiveEnd, sendUntilRefused),
			want:     nothing, got: "some",
		},
	} {
		scenario{
			name: a.name + ", by the client", client: a.resetter, backend: a.other,
			want: seen{client: a.got, backend: a.want, outcome: byClient},
		}.test(t)
		scenario{
			name: a.name + ", by the backend", client: a.other, backend: a.resetter,
			want: seen{client: a.want, backend: a.got, outcome: byBackend},
		}.test(t)
	}
}

func TestAResetAfterTheEndIsNone(t *testing.T) {
	scenario{
		name:    "both have said FIN",
		client:  steps(send(10), shut, receiveEnd, await("over"), reset),
		backend: steps(receiveEnd, send(10), shut, tell("over")),
		want:    seen{whole, whole, completed},
	}.test(t)
}

// What had reached a peer before the reset is its own to take.
func TestWhatWasTakenBeforeAResetIsWhole(t *testing.T) {
	for _, n := range []int64{1, 1000, 3 * mib} {
		resetter := steps(send(n), await("taken"), reset)
		other := steps(receive(n), tell("taken"), receiveEnd)
		for _, s := range []scenario{
			{name: "client", client: resetter, backend: other, want: seen{"nothing", aborted, byClient}},
			{name: "backend", client: other, backend: resetter, want: seen{aborted, "nothing", byBackend}},
		} {
			s.test(t)
		}
	}
}
