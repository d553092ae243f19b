// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// maxReport bounds the routes of a report, in bytes of the wire format: some
// thousands of routes. push.proto promises it.
const maxReport = 1 << 20

// limited is a report of the first routes that fit into so many bytes.
func limited(routes []*pushv1.RouteReport, most int) *pushv1.Report {
	size := 0
	for i, r := range routes {
		size += proto.Size(r) + 8 // for its tag and its length
		if size > most {
			return &pushv1.Report{Routes: routes[:i], Truncated: true}
		}
	}
	return &pushv1.Report{Routes: routes}
}
