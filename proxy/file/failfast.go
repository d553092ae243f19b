// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
)

// failureAccrual puts on the wire what failFast says. As for linkerd-tcp the penalty is
// always the same, and all endpoints are used when none would be left, not before.
func failureAccrual(f linkerdtcp.FailFast) *pushv1.FailureAccrual {
	switch {
	case f.Failures == 0:
		return nil
	case f.Penalty == 0:
		return &pushv1.FailureAccrual{}
	}
	return &pushv1.FailureAccrual{
		ConsecutiveFailures: uint32(f.Failures),
		MinPenalty:          durationpb.New(f.Penalty),
		MaxPenalty:          durationpb.New(f.Penalty),
		PanicThreshold:      proto.Uint32(0),
	}
}
