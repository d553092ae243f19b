// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package publish holds the newest config of every fleet and brings it to the
// fleet's proxies. Configs go in whole, by Book.Publish; out go differences over
// one gRPC stream per proxy, one update in flight each; what comes back are
// acknowledgements, which Book.Progress sums up, and, when somebody asks, what the
// proxies' connections do (Server.Observe). It never decides what a config says.
package publish

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Book keeps the newest config of each fleet, and how far each proxy is.
//
// A fleet costs its newest config, and a session that lags behind holds on to the
// config that its proxy confirmed last and the one in flight. Configs share the
// resources that did not change between them, so each of these costs a pointer
// per resource, an entry of Progress.Routes per route, and the resources that
// changed since, however many configs the proxy missed; laggards that confirmed
// the same config share that too.
type Book struct {
	changed func(fleet types.NamespacedName)

	mu    sync.Mutex                     // guards pages and what is in them; held for short, without IO
	pages map[types.NamespacedName]*page // fleet -> page
	asked uint64                         // inquiries so far
}

// page is what the book knows of one fleet.
type page struct {
	newest   *edition // nil until something is published
	seed     seed
	sessions map[string]*session // pod -> its session
}

// seed is what an earlier leader published last.
type seed struct {
	generation uint64
	hash       string
}

// NewBook makes an empty book. changed is called, without locks held and possibly
// often, with a fleet whose progress changed: a proxy connected, went, or
// acknowledged. It must not block.
func NewBook(changed func(fleet types.NamespacedName)) *Book {
	return &Book{changed: changed, pages: map[types.NamespacedName]*page{}}
}

// Seed tells the generation and hash that an earlier leader published last, so
// that publishing the same content again keeps its number. It has no effect once
// something is published.
func (b *Book) Seed(fleet types.NamespacedName, generation uint64, hash string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.page(fleet).seed = seed{generation, hash}
}

// Publish makes a config the newest of a fleet and returns its generation. Equal
// content keeps the generation. The book owns config from here on. Of one fleet
// only one call may run at a time, or the order is open.
//
// A retained route whose form the book knows from the config before is published
// in that form, so that proxies which join now get it too. What cannot be
// written to the wire (a text that is not UTF-8) is left out: sending it would
// end every session of the fleet.
func (b *Book) Publish(fleet types.NamespacedName, config *pushv1.Config) (generation uint64) {
	next := newEdition(config)
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(fleet)
	next.carry(p.newest)
	next.hash = next.digest()
	switch {
	case p.newest == nil && next.hash == p.seed.hash:
		next.settle(nil, p.seed.generation)
	case p.newest == nil:
		next.settle(nil, p.seed.generation+1)
	case next.hash == p.newest.hash:
		return p.newest.generation
	default:
		next.settle(p.newest, p.newest.generation+1)
	}
	next.published = time.Now()
	p.newest = next
	for _, s := range p.sessions {
		s.rouse()
	}
	return next.generation
}

// Config gives the newest config of a fleet, without the keys in it, nil when nothing
// is published. It is shared and must not be changed.
func (b *Book) Config(fleet types.NamespacedName) *pushv1.Config {
	newest, _ := b.views(fleet)
	if newest == nil {
		return nil
	}
	full := newest.full()
	return &pushv1.Config{
		Generation: full.GetGeneration(),
		Listeners:  full.GetListeners(),
		Routes:     full.GetRoutes(),
		Pools:      full.GetPools(),
		Retained:   full.GetRetained(),

		TrustBundles: full.GetTrustBundles(),
	}
}

// Forget drops a fleet that was deleted and ends its sessions.
func (b *Book) Forget(fleet types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.pages[fleet]; ok {
		for _, s := range p.sessions {
			s.end(errFleetDeleted)
		}
		delete(b.pages, fleet)
	}
}

// Progress says how far a fleet's connected proxies are. Its maps are shared and
// must not be changed.
func (b *Book) Progress(fleet types.NamespacedName) Progress {
	newest, views := b.views(fleet)
	progress := Progress{Proxies: make([]Proxy, 0, len(views))}
	if newest != nil {
		progress.Generation, progress.Hash, progress.Routes = newest.generation, newest.hash, newest.standing
	}
	for _, v := range views {
		progress.Proxies = append(progress.Proxies, Proxy{
			Pod:     v.pod,
			Version: v.version,
			Acked:   v.acked,
			Refused: refusedRoutes(newest, v.refused),
		})
	}
	return progress
}

// page of a fleet, made when there is none. Called with mu held.
func (b *Book) page(fleet types.NamespacedName) *page {
	p, ok := b.pages[fleet]
	if !ok {
		p = &page{sessions: map[string]*session{}}
		b.pages[fleet] = p
	}
	return p
}

// fleets that the book has a page for, sorted.
func (b *Book) fleets() []types.NamespacedName {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Keys(b.pages), func(x, y types.NamespacedName) int {
		return strings.Compare(x.String(), y.String())
	})
}
