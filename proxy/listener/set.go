// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package listener accepts the connections of a proxy and serves each to its
// end. It is the goroutine driver of the stages router, balancer, upstream and relay.
package listener

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
)

// Options of a Set. The zero value of each field is its default.
type Options struct {
	// Address to bind. The zero Addr means all interfaces, IPv6 and IPv4.
	Address netip.Addr
	// Log for what someone should act on, and at debug level one line per
	// connection. Nothing is logged when nil.
	Log *slog.Logger
	// Metrics to count in. Nothing is counted when nil.
	Metrics *metrics.Metrics
	// OnRefusals is told all refusals in force whenever they change by
	// themselves: a port that was taken has become free, or the reverse. It is
	// called by one goroutine at a time and must not call back into the Set.
	OnRefusals func([]*pushv1.Refusal)
	// RetryEvery is the time between attempts to bind a port that could not be
	// bound. 1s when 0.
	RetryEvery time.Duration
}

// Set is the listeners of a proxy.
type Set struct{}

// NewSet makes a Set that listens on nothing yet.
func NewSet(opts Options) *Set { panic("contract") }

// Install makes p the plan in force: opens the listeners that are new, closes
// those that are gone, and swaps the routes of the others. Connections that are
// established stay as they are. It returns the ports that could not be bound,
// with reason PORT_UNAVAILABLE; those are tried again until they can be, or
// until a plan without them is installed.
func (s *Set) Install(p *plan.Plan) []*pushv1.Refusal { panic("contract") }

// Refusals are the refusals in force, sorted by name.
func (s *Set) Refusals() []*pushv1.Refusal { panic("contract") }

// Active is the number of connections being served.
func (s *Set) Active() int { panic("contract") }

// Drain stops accepting, after having accepted what has already reached the
// listening sockets, and waits until every connection has ended. When ctx ends
// it ends those that are left and returns their number. Nothing can be
// installed afterwards. Drain may be called once.
func (s *Set) Drain(ctx context.Context) (ended int) { panic("contract") }
