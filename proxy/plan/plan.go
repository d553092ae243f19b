// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan turns the config that the controller pushed into what the proxy
// serves, and says which resources it refuses and why. A bad resource never takes
// a good one with it: its last good form goes on, where there is one. Routes and
// pools that have not changed are taken over from the plan before, so that what
// is alive in them (the router's lag, the endpoints' counters) goes on. It opens
// no sockets and changes nothing that is being served.
package plan

import (
	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
)

// Plan is what a proxy is to serve. It is immutable, but for the live state
// inside choosers and endpoints.
type Plan struct {
	Generation uint64
	Listeners  map[string]*Listener      // name -> listener
	Routes     map[string]*Route         // name -> route, each on a listener of Listeners
	Pools      map[string]*balancer.Pool // name -> endpoint set
}

// Listener is a port to accept on.
type Listener struct {
	Name  string
	Port  uint16
	Route *Route // nil: connections are refused
}

// Route says where the connections of a listener go.
type Route struct {
	Name     string
	Listener string
	Hash     string
}

// Build makes the plan of a config. old is the plan being served, nil for none.
// Refusals are sorted by kind and name and stay the same while their cause does.
func Build(config *pushv1.Config, old *Plan) (*Plan, []*pushv1.Refusal) { panic("contract") }
