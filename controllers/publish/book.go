// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package publish holds the newest config of every fleet and brings it to the
// fleet's proxies. Configs go in whole, by Book.Publish; out go differences over
// one gRPC stream per proxy, one update in flight each; what comes back are
// acknowledgements, which Book.Progress sums up. It never decides what a config says.
package publish

import (
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Book keeps the newest config of each fleet, and how far each proxy is.
type Book struct{}

// NewBook makes an empty book. changed is called, without locks held and possibly
// often, with a fleet whose progress changed: a proxy connected, went, or
// acknowledged. It must not block.
func NewBook(changed func(fleet types.NamespacedName)) *Book { panic("contract") }

// Seed tells the generation and hash that an earlier leader published last, so
// that publishing the same content again keeps its number. It has no effect once
// something is published.
func (b *Book) Seed(fleet types.NamespacedName, generation uint64, hash string) { panic("contract") }

// Publish makes a config the newest of a fleet and returns its generation. Equal
// content keeps the generation. The book owns config from here on.
func (b *Book) Publish(fleet types.NamespacedName, config *pushv1.Config) (generation uint64) {
	panic("contract")
}

// Forget drops a fleet that was deleted and ends its sessions.
func (b *Book) Forget(fleet types.NamespacedName) { panic("contract") }

// Progress says how far a fleet's connected proxies are.
func (b *Book) Progress(fleet types.NamespacedName) Progress { panic("contract") }

// Progress of one fleet.
type Progress struct {
	Generation uint64 // of the newest config; 0 when nothing is published
	Hash       string // its content hash
	Proxies    []Proxy // connected, sorted by pod
	Routes     map[string]Route // route name -> what is published for it
}

// Route is what is published for one route.
type Route struct {
	Hash string
	// Since is the generation in which the route, its listener or one of its
	// pools changed last.
	Since uint64
}

// Proxy is one connected proxy.
type Proxy struct {
	Pod     string
	Version string
	Acked   uint64 // generation confirmed last; 0 for none
	// Refused are the refusals that stand, by route name: a refused listener
	// or pool counts for each route that needs it.
	Refused map[string]*pushv1.Refusal
}

// Converged tells whether the proxy serves the newest form of a route.
func (p Proxy) Converged(name string, r Route) bool {
	return p.Acked >= r.Since && p.Refused[name] == nil
}
