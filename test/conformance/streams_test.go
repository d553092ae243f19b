// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"testing"
)

const (
	whole     = "all, FIN"
	nothing   = "nothing, FIN"
	aborted   = "the beginning, RST"
	completed = "1 completed"
)

func TestStreamsArriveWholeHoweverTheyAreWrittenAndRead(t *testing.T) {
	for _, write := range []struct {
		total int64
		size  int
	}{{1, 1}, {3000, 1}, {mib, 7919}, {mib + 1, 65537}, {24 * mib, mib}} {
		for _, read := range []int{1, 1021, usual, 4 * mib} {
			if write.total > 3000 && read == 1 {
				continue // a system call for each byte
			}
			for _, s := range []sockets{{}, {tight: true}} {
				if s.tight && write.total > 2*mib {
					continue // takes long
				}
				script := steps(atOnce(steps(sendBy(write.total, write.size), shut), steps(receiveBy(read))))
				scenario{
					name:   fmt.Sprintf("%d bytes, %d at a time, read by %d, tight %t", write.total, write.size, read, s.tight),
					client: script, backend: script, sockets: s,
					want: seen{whole, whole, completed},
				}.test(t)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	for _, s := range []scenario{
		{
			name:    "backend that speaks first",
			client:  steps(receive(100), send(10), receive(20), shut, receiveEnd),
			backend: steps(send(100), receive(10), send(20), receiveEnd),
			want:    seen{whole, whole, completed},
		},
		{
			name:    "nothing is said",
			client:  steps(exchange(shut)),
			backend: steps(exchange(shut)),
			want:    seen{nothing, nothing, completed},
		},
		{
			name:    "client that sends and closes at once",
			client:  steps(send(10*kib), hangUp),
			backend: steps(receiveEnd),
			want:    seen{"nothing", whole, completed},
		},
		{
			name:    "client that closes at once",
			client:  steps(hangUp),
			backend: steps(receiveEnd),
			want:    seen{"nothing", nothing, completed},
		},
		{
			name:    "client that sends much and closes at once",
			client:  steps(send(3*mib), hangUp),
			backend: steps(receiveEnd),
			want:    seen{"nothing", whole, completed},
		},
		{
			name:    "backend that sends much and closes at once",
			client:  steps(receiveEnd),
			backend: steps(send(3*mib), hangUp),
			want:    seen{whole, "nothing", completed},
		},
		{
			name:    "backend that answers a client that has gone",
			client:  steps(send(1000), hangUp),
			backend: steps(receiveEnd, sendUntilBroken),
			want:    seen{"nothing", whole, "1 client_reset"},
		},
		{
			name:    "client that writes to a backend that has gone",
			client:  steps(receiveEnd, sendUntilBroken),
			backend: steps(send(1000), hangUp),
			want:    seen{whole, "nothing", "1 backend_reset"},
		},
		{
			name:    "request and response in turn",
			client:  steps(pingPong(300, send(1000), receive(20*kib)), shut, receiveEnd),
			backend: steps(pingPong(300, receive(1000), send(20*kib)), receiveEnd),
			want:    seen{whole, whole, completed},
		},
		{
			name:    "small messages after much",
			client:  steps(send(4*mib), pingPong(50, send(1), receive(1)), send(4*mib), shut, receiveEnd),
			backend: steps(receive(4*mib), pingPong(50, receive(1), send(1)), receiveEnd),
			want:    seen{whole, whole, completed},
		},
	} {
		s.test(t)
	}
}

// pingPong does steps so many times.
func pingPong(times int, s ...step) step {
	return func(p *peer) {
		for range times {
			for _, do := range s {
				do(p)
			}
		}
	}
}

func TestFINTogetherWithTheLastData(t *testing.T) {
	for _, n := range []int64{1, 1000, usual, 300 * kib, 3 * mib} {
		for _, s := range []scenario{
			{
				name:    "of the client",
				client:  steps(sendWithFIN(n), receiveEnd),
				backend: steps(receiveEnd, send(10), shut),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "of the backend",
				client:  steps(receiveEnd, send(10), shut),
				backend: steps(sendWithFIN(n), receiveEnd),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "of both",
				client:  steps(exchange(sendWithFIN(n))),
				backend: steps(exchange(sendWithFIN(n))),
				want:    seen{whole, whole, completed},
			},
			{
				name:    "after more",
				client:  steps(send(n), await("read"), sendWithFIN(n), receiveEnd),
				backend: steps(receive(n), tell("read"), receiveEnd, sendWithFIN(n)),
				want:    seen{whole, whole, completed},
			},
		} {
			s.name = fmt.Sprintf("%s, %d bytes", s.name, n)
			s.test(t)
		}
	}
}

// An urgent byte is beside the stream. It ends a read early, and splice(2) returns 0
// in front of it, as at the end.
func TestUrgentDataDoesNotStopTheStream(t *testing.T) {
	for _, n := range []int64{100, 600 * kib} {
		sender := steps(send(n), sendUrgent, send(n), shut, receiveEnd)
		receiver := steps(receiveEnd, send(n), shut)
		for _, s := range []scenario{
			{name: "of the client", client: sender, backend: receiver},
			{name: "of the backend", client: receiver, backend: sender},
		} {
			s.name = fmt.Sprintf("%s, between %d bytes", s.name, n)
			s.want = seen{whole, whole, completed}
			s.test(t)
		}
	}
}

// order is the order of four events: C and B, a peer sends; c and b, it says that
// this was all. Each is seen at the other end before the next.
func TestHalfClosesInEveryOrder(t *testing.T) {
	for _, n := range []int64{1, 3 * mib} {
		for _, order := range []string{"CcBb", "CBcb", "CBbc", "BCcb", "BCbc", "BbCc"} {
			var client, backend []step
			for i, event := range order {
				mark := fmt.Sprint(i)
				for name, script := range map[rune]*[]step{'C': &client, 'B': &backend} {
					switch event {
					case name:
						*script = append(*script, send(n), await(mark))
					case name + 'a' - 'A':
						*script = append(*script, shut, await(mark))
					case 'C', 'B':
						*script = append(*script, receive(n), tell(mark))
					default:
						*script = append(*script, receiveEnd, tell(mark))
					}
				}
			}
			scenario{
				name:   fmt.Sprintf("%s, %d bytes", order, n),
				client: client, backend: backend, want: seen{whole, whole, completed},
			}.test(t)
		}
	}
}

func TestStallsEndWell(t *testing.T) {
	scenario{
		name:    "stuck, let go, and stuck again",
		client:  steps(fill, tell("first"), await("again"), fill, tell("second"), shut, receiveEnd),
		backend: steps(await("first"), receive(200*kib), tell("again"), await("second"), receiveEnd),
		want:    seen{nothing, whole, completed},
	}.test(t)
	for _, s := range []scenario{
		{
			name:    "backend that does not read for a while",
			client:  steps(fill, tell("full"), shut, receiveEnd),
			backend: steps(await("full"), receiveEnd, send(5), shut),
			want:    seen{whole, whole, completed},
		},
		{
			name:    "client that does not read for a while",
			client:  steps(await("full"), receiveEnd, send(5), shut),
			backend: steps(fill, tell("full"), shut, receiveEnd),
			want:    seen{whole, whole, completed},
		},
		{
			name:    "both do not read, and then both do",
			client:  steps(fill, tell("client full"), await("backend full"), exchange(shut)),
			backend: steps(fill, tell("backend full"), await("client full"), exchange(shut)),
			want:    seen{whole, whole, completed},
		},
		{
			name:    "both do not read, and then one after the other does",
			client:  steps(fill, shut, tell("client full"), await("backend full"), receiveEnd, tell("client done")),
			backend: steps(fill, shut, tell("backend full"), await("client done"), receiveEnd),
			want:    seen{whole, whole, completed},
		},
		{
			name:    "the other direction goes on while one is stuck",
			client:  steps(fill, tell("full"), receive(3*mib), tell("through"), shut, receiveEnd),
			backend: steps(await("full"), send(3*mib), await("through"), shut, receiveEnd),
			want:    seen{whole, whole, completed},
		},
	} {
		for _, buffers := range []sockets{{}, {tight: true}} {
			s.sockets = buffers
			s.name = fmt.Sprintf("%s, tight %t", s.name, buffers.tight)
			s.test(t)
		}
	}
}
