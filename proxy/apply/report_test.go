// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
)

func TestQuestionsAreAnsweredAndChangeNothing(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	if !s.Hello.GetReports() {
		t.Error("the hello does not say that the proxy reports")
	}
	if got := s.Ask(t, &pushv1.ReportRequest{Id: 7}); got.GetId() != 7 || len(got.GetRoutes()) > 0 {
		t.Errorf("before the first update: %v", got)
	}
	s.Push(t, full(1))
	want := &pushv1.Report{Id: 8, Routes: []*pushv1.RouteReport{
		{Name: "ns/r", Arms: []*pushv1.ArmReport{{Arm: "a", Opened: 2, Open: 1}}},
	}}
	if diff := cmp.Diff(want, s.Ask(t, &pushv1.ReportRequest{Id: 8, Routes: []string{"ns/r"}}), protocmp.Transform()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	p.serves(t, apply.SourceController, config(1))
	if ack := s.Push(t, &pushv1.Update{Generation: 2}); ack.GetGeneration() != 2 {
		t.Errorf("a difference after a question: %v", ack)
	}
}

func TestReportsStayWithinTheirBound(t *testing.T) {
	_, c := connect(t)
	long := strings.Repeat("r", 100<<10)
	got := c.Next(t).Ask(t, &pushv1.ReportRequest{Id: 1, Routes: []string{
		long, long, long, long, long, long, long, long, long, long, long, long,
	}})
	if len(got.GetRoutes()) != 10 || !got.GetTruncated() {
		t.Errorf("%d routes, truncated %t; want 10, true", len(got.GetRoutes()), got.GetTruncated())
	}
	if size := proto.Size(got); size > 1<<20+16 {
		t.Errorf("%d bytes", size)
	}
}
