// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
)

func TestFailFastIsFailureAccrual(t *testing.T) {
	for _, c := range []struct {
		failFast linkerdtcp.FailFast
		want     string
	}{
		{linkerdtcp.FailFast{}, ""},
		{linkerdtcp.FailFast{Failures: 3}, "failure_accrual {}"},
		{
			linkerdtcp.FailFast{Failures: 5, Penalty: time.Minute},
			"failure_accrual { consecutive_failures: 5 min_penalty { seconds: 60 } max_penalty { seconds: 60 } panic_threshold: 0 }",
		},
	} {
		want := &pushv1.PoolSettings{}
		if err := prototext.Unmarshal([]byte(c.want), want); err != nil {
			t.Fatal(err)
		}
		if c.want == "" {
			want = nil
		}
		if diff := cmp.Diff(want, settings(linkerdtcp.Backends{FailFast: c.failFast}), protocmp.Transform()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.failFast, diff)
		}
	}
}
