// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/guard"
)

// guarded reads who may come to a route, and how many. before is the route as it
// was, which may be nil: the connections that it has counted go on to count.
func guarded(r *pushv1.Route, before *Route) (*guard.Guard, error) {
	limits := guard.Limits{
		MaxConnections: r.GetLimits().GetMaxConnections(),
		MaxPerClient:   r.GetLimits().GetMaxConnectionsPerClient(),
	}
	var access *guard.Access
	if a := r.GetAccess(); len(a.GetAllow()) > 0 || len(a.GetDeny()) > 0 {
		var err error
		if access, err = guard.NewAccess(a.GetAllow(), a.GetDeny(), a.GetAudit()); err != nil {
			return nil, fmt.Errorf("access: %w", err)
		}
	}
	var known *guard.Guard
	if before != nil {
		known = before.Guard
	}
	return guard.New(limits, access, known), nil
}

// lifetimeSpread is the part of a lifetime within which connections end.
const lifetimeSpread = 10

// LifetimeOf is the lifetime of the connection with that number: up to a tenth less
// than the route's, so that those that came together do not end together, and evenly
// spread over connections that come one after the other. 0: no limit.
func (t Timeouts) LifetimeOf(id uint64) time.Duration {
	const golden = 0x9e37_79b9_7f4a_7c15 // multiples of the golden ratio lie evenly on a circle
	part := float64(id*golden>>11) / (1 << 53)
	return t.Lifetime - time.Duration(part*float64(t.Lifetime)/lifetimeSpread)
}
