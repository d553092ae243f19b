// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"math"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
)

// client says how connections to destinations below a prefix are made.
type client struct {
	prefix     dtab.Path
	attempt    time.Duration // 0: not given
	congestion string        // empty: not given
	tls        *ClientTLS    // nil: not given
	proxy      int64         // version of the PROXY protocol; 0: not given
	failures   int64         // of failFast; -1: not given
	penalty    int64         // of failFast, in seconds; -1: not given
	ready      int64         // minConnections; -1: not given
	waiters    int64         // maxWaiters; 0: not given
}

// Defaults and limits of failFast. A penalty is at most a day.
const (
	defaultFailures = 5
	defaultPenalty  = 60
	maxFailures     = 1<<16 - 1
	maxPenalty      = 24 * 60 * 60
	maxReady        = 1000 // of minConnections
)

// clients of a router, in order.
type clients []client

// last is what the last client says whose prefix fits a destination, and otherwise for
// none that says something. (linkerd-tcp means to, but its prefixes fit only what is
// equal to them.)
func last[T any](c clients, name dtab.Path, otherwise T, says func(client) (T, bool)) T {
	for _, client := range c {
		if said, ok := says(client); ok && name.HasPrefix(client.prefix) {
			otherwise = said
		}
	}
	return otherwise
}

// attempt is the time to connect to a destination.
func (c clients) attempt(name dtab.Path) time.Duration {
	return last(c, name, 0, func(c client) (time.Duration, bool) { return c.attempt, c.attempt > 0 })
}

func (c clients) congestionControl(name dtab.Path) (algorithm string) {
	return last(c, name, "", func(c client) (string, bool) { return c.congestion, c.congestion != "" })
}

func (c clients) tls(name dtab.Path) *ClientTLS {
	return last(c, name, nil, func(c client) (*ClientTLS, bool) { return c.tls, c.tls != nil })
}

// proxyProtocol is its version.
func (c clients) proxyProtocol(name dtab.Path) int {
	return last(c, name, 0, func(c client) (int, bool) { return int(c.proxy), c.proxy > 0 })
}

func (c clients) minConnections(name dtab.Path) int {
	return last(c, name, 0, func(c client) (int, bool) { return int(c.ready), c.ready >= 0 })
}

func (c clients) maxWaiters(name dtab.Path) int {
	return last(c, name, 0, func(c client) (int, bool) { return int(c.waiters), c.waiters > 0 })
}

func (c clients) failFast(name dtab.Path) FailFast {
	failures := last(c, name, defaultFailures, func(c client) (int, bool) { return int(c.failures), c.failures >= 0 })
	penalty := last(c, name, defaultPenalty, func(c client) (int, bool) { return int(c.penalty), c.penalty >= 0 })
	return FailFast{Failures: max(failures, 1), Penalty: time.Duration(penalty) * time.Second}
}

func (r *reader) client(n *yaml.Node) clients {
	switch kind, at := r.Kind(n, "client"); kind {
	case kindGlobal:
		return clients{r.connecting(n, "client "+kind, document.Field{Key: "kind"})}
	case kindStatic:
		return r.static(n)
	case "":
	default:
		r.Fail(at, "unknown kind %q of client: known are %s, %s", kind, kindGlobal, kindStatic)
	}
	return nil
}

func (r *reader) static(n *yaml.Node) (all clients) {
	const what = "client " + kindStatic
	found := r.Fields(n, what, document.Field{Key: "kind"}, document.Field{Key: "configs", Read: func(n *yaml.Node) {
		for _, n := range r.Items(n, "configs") {
			var prefix dtab.Path
			c := r.connecting(n, "a config of "+what, document.Field{Key: "prefix", Read: func(n *yaml.Node) {
				r.Path(&prefix, "prefix")(n)
			}})
			c.prefix = prefix
			all = append(all, c)
		}
	}})
	r.Need(n, found, what, "configs")
	return all
}

// connecting reads how connections are made, besides what more there is to know.
func (r *reader) connecting(n *yaml.Node, what string, more document.Field) client {
	c := client{failures: -1, penalty: -1, ready: -1}
	found := r.Fields(n, what,
		more,
		document.Field{Key: "connectTimeoutMs", Read: r.limit(&c.attempt, "connectTimeoutMs", time.Millisecond)},
		document.Field{Key: "congestionControl", Read: r.congestionControl(&c.congestion)},
		document.Field{Key: "tls", Read: func(n *yaml.Node) { c.tls = r.clientTLS(n) }},
		document.Field{Key: "proxyProtocol", Read: r.Whole(&c.proxy, "proxyProtocol", 1, 2)},
		document.Field{Key: "minConnections", Read: r.Whole(&c.ready, "minConnections", 0, maxReady)},
		document.Field{Key: "maxWaiters", Read: r.Whole(&c.waiters, "maxWaiters", 1, math.MaxInt32)},
		document.Field{Key: "failFast", Read: func(n *yaml.Node) { r.failFast(&c, n) }},
	)
	if more.Key == "prefix" {
		r.Need(n, found, what, "prefix")
	}
	if at, ok := found["minConnections"]; ok && c.ready > 0 && (c.tls != nil || c.proxy > 0 || c.congestion != "") {
		r.Warn(at, "minConnections has no effect beside tls, proxyProtocol or congestionControl: such connections are opened for their client")
	}
	return c
}

func (r *reader) failFast(c *client, n *yaml.Node) {
	r.Fields(n, "failFast",
		document.Field{Key: "maxConsecutiveFailures", Read: r.Whole(&c.failures, "maxConsecutiveFailures", 0, maxFailures)},
		document.Field{Key: "failurePenaltySecs", Read: r.Whole(&c.penalty, "failurePenaltySecs", 0, maxPenalty)},
	)
}
