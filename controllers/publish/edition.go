// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// edition is one published config. It is immutable once it is in the book, and
// shares the entries that did not change with the edition before.
type edition struct {
	generation uint64
	hash       string // of the content, without the generation
	published  time.Time
	listeners  []*entry[*pushv1.Listener]
	routes     []*entry[*pushv1.Route]
	pools      []*entry[*pushv1.Pool]
	identities []*entry[*pushv1.Identity]
	bundles    []*entry[*pushv1.TrustBundle]
	tickets    *tickets         // nil: none
	retained   []string         // routes whose form the book does not know
	standing   map[string]Route // route name -> what is published for it
}

// resource names a listener, a route, a pool, an identity or a trust bundle.
type resource struct {
	kind pushv1.ResourceKind
	name string
}

// newEdition stamps what a config says. It has no generation yet.
func newEdition(config *pushv1.Config) *edition {
	e := &edition{
		listeners:  stamp(config.GetListeners()),
		routes:     stamp(config.GetRoutes()),
		pools:      stamp(config.GetPools()),
		identities: stamp(config.GetIdentities()),
		bundles:    stamp(config.GetTrustBundles()),
		tickets:    newTickets(config.GetTicketKeys()),
	}
	for _, name := range config.GetRetained() {
		if utf8.ValidString(name) && find(e.routes, name) == nil {
			e.retained = append(e.retained, name)
		}
	}
	slices.Sort(e.retained)
	e.retained = slices.Compact(e.retained)
	return e
}

// carry puts the retained routes whose form is known from the edition before into
// this one, with all that they need; and the ticket keys, where they are needed and not
// known. They do not stay when they are not needed: a new leader would publish another
// config.
func (e *edition) carry(previous *edition) {
	if previous == nil {
		return
	}
	e.retained = slices.DeleteFunc(e.retained, func(name string) bool {
		route := find(previous.routes, name)
		if route == nil {
			return false
		}
		e.routes = insert(e.routes, route)
		for _, need := range previous.needs(route.message) {
			switch need.kind {
			case pushv1.ResourceKind_RESOURCE_KIND_LISTENER:
				e.listeners = insert(e.listeners, find(previous.listeners, need.name))
			case pushv1.ResourceKind_RESOURCE_KIND_POOL:
				e.pools = insert(e.pools, find(previous.pools, need.name))
			case pushv1.ResourceKind_RESOURCE_KIND_IDENTITY:
				e.identities = insert(e.identities, find(previous.identities, need.name))
			case pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE:
				e.bundles = insert(e.bundles, find(previous.bundles, need.name))
			}
		}
		return true
	})
	if e.tickets == nil && slices.ContainsFunc(e.routes, func(r *entry[*pushv1.Route]) bool { return r.message.GetTls() != nil }) {
		e.tickets = previous.tickets
	}
}

// digest is the content hash of the edition, in hex. Of keys it has a hash of their hash.
func (e *edition) digest() string {
	h := sha256.New()
	digestEntries(h, "listeners", e.listeners)
	digestEntries(h, "routes", e.routes)
	digestEntries(h, "pools", e.pools)
	if len(e.identities)+len(e.bundles) > 0 { // so that others are numbered as ever
		digestEntries(h, "identities", e.identities)
		digestEntries(h, "bundles", e.bundles)
	}
	if e.tickets != nil {
		io.WriteString(h, "tickets\x00")
		h.Write(e.tickets.sum[:])
	}
	io.WriteString(h, "retained\x00"+strings.Join(e.retained, "\x00"))
	return hex.EncodeToString(h.Sum(nil))
}

func digestEntries[M named](w io.Writer, title string, entries []*entry[M]) {
	io.WriteString(w, title+"\x00")
	for _, entry := range entries {
		w.Write(entry.sum[:])
	}
}

// settle numbers an edition: what is as in the edition before keeps its number,
// what is not gets the new one.
func (e *edition) settle(previous *edition, generation uint64) {
	if previous == nil {
		previous = &edition{}
	}
	e.generation = generation
	share(previous.listeners, e.listeners, generation)
	share(previous.routes, e.routes, generation)
	share(previous.pools, e.pools, generation)
	share(previous.identities, e.identities, generation)
	share(previous.bundles, e.bundles, generation)
	e.standing = e.stand()
}

// stand says of each route what is published for it.
func (e *edition) stand() map[string]Route {
	standing := make(map[string]Route, len(e.routes)+len(e.retained))
	for _, entry := range e.routes {
		route := Route{Hash: entry.message.GetHash()}
		for _, need := range e.needs(entry.message) {
			route.Since = max(route.Since, e.since(need))
		}
		standing[entry.message.GetName()] = route
	}
	for _, name := range e.retained {
		standing[name] = Route{}
	}
	return standing
}

// since is the generation in which a resource changed last, 0 for one that the
// edition does not have.
func (e *edition) since(r resource) uint64 {
	switch r.kind {
	case pushv1.ResourceKind_RESOURCE_KIND_LISTENER:
		return find(e.listeners, r.name).age()
	case pushv1.ResourceKind_RESOURCE_KIND_ROUTE:
		return find(e.routes, r.name).age()
	case pushv1.ResourceKind_RESOURCE_KIND_POOL:
		return find(e.pools, r.name).age()
	case pushv1.ResourceKind_RESOURCE_KIND_IDENTITY:
		return find(e.identities, r.name).age()
	case pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE:
		return find(e.bundles, r.name).age()
	default:
		return 0
	}
}

// needs are the resources that make up a route: itself, its listener, the pools of its
// tree, and the identities and trust bundles of all of those, in that order.
func (e *edition) needs(route *pushv1.Route) []resource {
	found := pools(route.GetTree(), []resource{
		{pushv1.ResourceKind_RESOURCE_KIND_ROUTE, route.GetName()},
		{pushv1.ResourceKind_RESOURCE_KIND_LISTENER, route.GetListener()},
	})
	for kind, name := range route.Materials() {
		found = append(found, resource{kind, name})
	}
	for _, need := range found {
		if need.kind != pushv1.ResourceKind_RESOURCE_KIND_POOL {
			continue
		}
		if pool := find(e.pools, need.name); pool != nil {
			for kind, name := range pool.message.Materials() {
				found = append(found, resource{kind, name})
			}
		}
	}
	return found
}

// pools appends the pools under a tree, in its order.
func pools(tree *pushv1.Tree, found []resource) []resource {
	if leaf := tree.GetLeaf(); leaf != nil {
		return append(found, resource{pushv1.ResourceKind_RESOURCE_KIND_POOL, leaf.GetPool()})
	}
	for _, t := range tree.GetAlt().GetTrees() {
		found = pools(t, found)
	}
	for _, w := range tree.GetUnion().GetTrees() {
		found = pools(w.GetTree(), found)
	}
	return found
}
