// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Progress of one fleet.
type Progress struct {
	Generation uint64           // of the newest config; 0 when nothing is published
	Hash       string           // its content hash
	Proxies    []Proxy          // connected, sorted by pod
	Routes     map[string]Route // route name -> what is published for it
}

// Route is what is published for one route. A retained route of which the book
// never knew the form has neither hash nor Since: whatever a proxy has is right.
type Route struct {
	Hash string
	// Since is the generation in which the route, its listener, one of its pools or a
	// certificate that one of these needs changed last.
	Since uint64
}

// Proxy is one connected proxy.
type Proxy struct {
	Pod     string
	Version string
	// Acked is the generation confirmed last; 0 for none. It counts what was
	// confirmed in this session only: generations of another controller's
	// time, or of a fleet of the same name, say nothing about this config.
	Acked uint64
	// Refused are the refusals that stand, by route name: a refused resource of
	// another kind counts for each route that needs it.
	Refused map[string]*pushv1.Refusal
}

// Converged tells whether the proxy serves the newest form of a route.
func (p Proxy) Converged(name string, r Route) bool {
	return p.Acked >= r.Since && p.Refused[name] == nil
}

// view is what a session says about its proxy, at one moment.
type view struct {
	pod, version string
	acked        uint64
	lagging      bool
	refused      map[resource]*pushv1.Refusal // never changed once set
}

// views gives a fleet's newest edition and its sessions, sorted by pod.
func (b *Book) views(fleet types.NamespacedName) (*edition, []view) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.pages[fleet]
	if !ok {
		return nil, nil
	}
	views := make([]view, 0, len(p.sessions))
	for _, s := range p.sessions {
		v := view{pod: s.pod, version: s.version, refused: s.refused, lagging: s.confirmed != p.newest}
		if s.confirmed != nil {
			v.acked = s.confirmed.generation
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(x, y view) int { return cmp.Compare(x.pod, y.pod) })
	return p.newest, views
}

// refusedRoutes maps each route of an edition that a proxy does not serve to the
// refusal that explains it: its own, or else its listener's, or else that of the first
// of its pools and certificates. A retained route of unknown form has only its own.
func refusedRoutes(e *edition, refused map[resource]*pushv1.Refusal) map[string]*pushv1.Refusal {
	if e == nil || len(refused) == 0 {
		return nil
	}
	routes := map[string]*pushv1.Refusal{} // route name -> refusal
	for _, entry := range e.routes {
		for _, need := range e.needs(entry.message) {
			if refusal := refused[need]; refusal != nil {
				routes[entry.message.GetName()] = refusal
				break
			}
		}
	}
	for _, name := range e.retained {
		if refusal := refused[resource{pushv1.ResourceKind_RESOURCE_KIND_ROUTE, name}]; refusal != nil {
			routes[name] = refusal
		}
	}
	return routes
}
