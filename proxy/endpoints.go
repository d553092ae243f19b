// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/netip"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/upstream"
)

// reach connects to an endpoint for a check, in the way that connections of clients do.
func reach(ctx context.Context, pool *plan.Pool, endpoint netip.AddrPort) (net.Conn, error) {
	link, err := upstream.Reach(ctx, pool, endpoint, "")
	switch {
	case err != nil:
		return nil, err
	case link.TLS != nil:
		return link.TLS, nil
	default:
		return link.TCP, nil
	}
}

// tellOf logs what becomes of endpoints.
func tellOf(log *slog.Logger) func(balancer.Event) {
	return func(e balancer.Event) {
		switch {
		case !e.Out:
			log.Info("endpoint readmitted", "pool", e.Pool, "endpoint", e.Addr.String(), "cause", e.Cause.String())
		case e.For > 0:
			log.Info("endpoint taken out", "pool", e.Pool, "endpoint", e.Addr.String(), "cause", e.Cause.String(), "for", e.For)
		default:
			log.Info("endpoint taken out", "pool", e.Pool, "endpoint", e.Addr.String(), "cause", e.Cause.String())
		}
	}
}
