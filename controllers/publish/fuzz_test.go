// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// FuzzMessages plays what a proxy may send: a hello of any bytes, and then any
// messages, each after its length in one byte.
func FuzzMessages(f *testing.F) {
	frame := func(messages ...*pushv1.SyncRequest) []byte {
		var data []byte
		for _, m := range messages {
			bytes, err := proto.Marshal(m)
			must(f, err)
			data = append(append(data, byte(len(bytes))), bytes...)
		}
		return data
	}
	ack := func(generation uint64, names ...string) *pushv1.SyncRequest {
		a := &pushv1.Ack{Generation: generation}
		for i, name := range names {
			a.Refused = append(a.Refused, &pushv1.Refusal{
				Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind(i + 1), Name: name}, Message: "no",
			})
		}
		return &pushv1.SyncRequest{Message: &pushv1.SyncRequest_Ack{Ack: a}}
	}
	hi := &pushv1.SyncRequest{Message: &pushv1.SyncRequest_Hello{Hello: hello("edge-0")}}
	f.Add(frame(hi, ack(1), ack(2)))
	f.Add(frame(hi, ack(1, "tcp/1001", "shop/a", "p1"), ack(1), hi))
	f.Add(frame(hi, &pushv1.SyncRequest{}, ack(1<<63)))
	f.Add(frame(ack(0)))
	reporter := hello("edge-0")
	reporter.Reports = true
	f.Add(frame(&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Hello{Hello: reporter}},
		&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Report{Report: &pushv1.Report{Id: 1, Routes: []*pushv1.RouteReport{
			{Name: "shop/a", Hash: "x", Since: timestamppb.Now(), Arms: []*pushv1.ArmReport{{Arm: "p1", Opened: 1 << 63, Open: 1}}},
		}}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := NewBook(quiet)
		server, err := NewServer(Options{Book: b})
		must(t, err)
		b.Publish(edge, two())
		var s *session
		var asked []*inquiry
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			request := &pushv1.SyncRequest{}
			if proto.Unmarshal(data[1:1+n], request) != nil {
				return
			}
			data = data[1+n:]
			if s == nil {
				hello, err := checkHello(request)
				if err != nil {
					return
				}
				s = b.join(hello)
				asked = b.inquire("shop", "")
			} else if server.take(s, request) != nil {
				return
			}
			b.next(s)
			b.next(s)
			for _, q := range asked {
				for _, r := range q.result() {
					if len(r.Behind)+len(r.Silent)+r.Counted != len(q.sessions) {
						t.Fatalf("%d proxies were asked about %s: %+v", len(q.sessions), r.Name, r)
					}
				}
			}
			for _, p := range b.Progress(edge).Proxies {
				if p.Acked > 1 {
					t.Fatalf("%s has confirmed generation %d of 1", p.Pod, p.Acked)
				}
				for name, r := range p.Refused {
					if len(r.GetMessage()) > maxRefusalMessage || !utf8.ValidString(r.GetMessage()) {
						t.Fatalf("%s refuses %s with %q", p.Pod, name, r.GetMessage())
					}
				}
			}
		}
	})
}
