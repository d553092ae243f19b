// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
)

// observe has the lease told what the endpoint of a connection does.
func observe(c *flow.Conn, lease *balancer.Lease) {
	c.Bytes.First = lease.Proved
	c.Dropped = func() {
		now := time.Now()
		lease.Dropped(now.Sub(c.Connected), now)
	}
}
