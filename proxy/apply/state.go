// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"slices"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// errNoBase ends a session: the controller broke the protocol.
var errNoBase = errors.New("a difference came before the full update that it builds on")

// state is a config between two updates. It is a value: Next makes a new one.
type state struct {
	// stated is what the controller takes this proxy to hold. It is nil until the
	// session's full update, since only that says so.
	stated *contents
	// config is what to serve: everything stated, and the routes that are only
	// retained, with what those need. Nil when there is none.
	config *pushv1.Config
}

// Unbased is the state at the start of a session: the same config, and nothing stated.
func (s state) Unbased() state {
	return state{config: s.config}
}

// Next is the state after an update.
func (s state) Next(u *pushv1.Update) (state, error) {
	var stated *contents
	var retained []string
	switch {
	case u.GetFull():
		stated, retained = newContents(), u.GetRetained()
	case s.stated == nil:
		return s, errNoBase
	default:
		stated, retained = s.stated.Clone(), s.config.GetRetained()
		stated.Remove(u.GetRemoved())
		retained = without(retained, u.GetRemoved())
	}
	stated.Put(u.GetListeners(), u.GetRoutes(), u.GetPools())
	stated.PutMaterials(u.GetIdentities(), u.GetTrustBundles())

	all := stated.Clone()
	kept := all.Keep(index(s.config), retained)
	config := all.Config(u.GetGeneration(), kept)
	config.TicketKeys = cmp.Or(u.GetTicketKeys(), s.config.GetTicketKeys())
	return state{stated: stated, config: config}, nil
}

// lastGood is the config to come back to after a restart: config, but with the
// form that good has in place of each resource that was refused for what it
// says. A port that is taken is no fault of the config, and may be free by then.
func lastGood(config, good *pushv1.Config, refused []*pushv1.Refusal) *pushv1.Config {
	invalid := slices.DeleteFunc(slices.Clone(refused), func(r *pushv1.Refusal) bool {
		return r.GetReason() != pushv1.RefusalReason_REFUSAL_REASON_INVALID
	})
	if len(invalid) == 0 {
		return config
	}
	all, old := index(config), index(good)
	var routes []string
	for _, r := range invalid {
		name := r.GetResource().GetName()
		all.Remove([]*pushv1.ResourceName{r.GetResource()})
		switch r.GetResource().GetKind() {
		case pushv1.ResourceKind_RESOURCE_KIND_LISTENER:
			restore(all.listeners, old.listeners, name)
		case pushv1.ResourceKind_RESOURCE_KIND_POOL:
			restore(all.pools, old.pools, name)
			all.restoreMaterials(old, old.pools[name].Materials())
		case pushv1.ResourceKind_RESOURCE_KIND_IDENTITY:
			restore(all.identities, old.identities, name)
		case pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE:
			restore(all.bundles, old.bundles, name)
		case pushv1.ResourceKind_RESOURCE_KIND_ROUTE:
			routes = append(routes, name)
		}
	}
	all.Keep(old, routes)
	next := all.Config(config.GetGeneration(), config.GetRetained())
	next.TicketKeys = config.GetTicketKeys()
	return next
}

// without drops the routes that removed names from retained.
func without(retained []string, removed []*pushv1.ResourceName) []string {
	gone := make(map[string]bool, len(removed))
	for _, r := range removed {
		if r.GetKind() == pushv1.ResourceKind_RESOURCE_KIND_ROUTE {
			gone[r.GetName()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(retained), func(name string) bool { return gone[name] })
}

// contents are the resources of a config by name. The resources themselves are
// shared between configs and never changed.
type contents struct {
	listeners map[string]*pushv1.Listener // name -> listener
	routes    map[string]*pushv1.Route    // name -> route
	pools     map[string]*pushv1.Pool     // name -> pool

	identities map[string]*pushv1.Identity    // name -> identity
	bundles    map[string]*pushv1.TrustBundle // name -> trust bundle
}

func newContents() *contents {
	return &contents{
		listeners:  map[string]*pushv1.Listener{},
		routes:     map[string]*pushv1.Route{},
		pools:      map[string]*pushv1.Pool{},
		identities: map[string]*pushv1.Identity{},
		bundles:    map[string]*pushv1.TrustBundle{},
	}
}

// index takes a config apart.
func index(config *pushv1.Config) *contents {
	c := newContents()
	c.Put(config.GetListeners(), config.GetRoutes(), config.GetPools())
	c.PutMaterials(config.GetIdentities(), config.GetTrustBundles())
	return c
}

// Clone copies the maps.
func (c *contents) Clone() *contents {
	return &contents{
		listeners: maps.Clone(c.listeners), routes: maps.Clone(c.routes), pools: maps.Clone(c.pools),
		identities: maps.Clone(c.identities), bundles: maps.Clone(c.bundles),
	}
}

// Put adds or replaces resources. Of two with one name the later stays.
func (c *contents) Put(listeners []*pushv1.Listener, routes []*pushv1.Route, pools []*pushv1.Pool) {
	for _, l := range listeners {
		c.listeners[l.GetName()] = l
	}
	for _, r := range routes {
		c.routes[r.GetName()] = r
	}
	for _, p := range pools {
		c.pools[p.GetName()] = p
	}
}

// PutMaterials does the same for identities and trust bundles.
func (c *contents) PutMaterials(identities []*pushv1.Identity, bundles []*pushv1.TrustBundle) {
	for _, i := range identities {
		c.identities[i.GetName()] = i
	}
	for _, b := range bundles {
		c.bundles[b.GetName()] = b
	}
}

// Remove drops resources. One that is not there, or of a kind not known here, is
// passed over: there is nothing of it to drop.
func (c *contents) Remove(names []*pushv1.ResourceName) {
	for _, n := range names {
		switch n.GetKind() {
		case pushv1.ResourceKind_RESOURCE_KIND_LISTENER:
			delete(c.listeners, n.GetName())
		case pushv1.ResourceKind_RESOURCE_KIND_ROUTE:
			delete(c.routes, n.GetName())
		case pushv1.ResourceKind_RESOURCE_KIND_POOL:
			delete(c.pools, n.GetName())
		case pushv1.ResourceKind_RESOURCE_KIND_IDENTITY:
			delete(c.identities, n.GetName())
		case pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE:
			delete(c.bundles, n.GetName())
		}
	}
}

// Keep fills in the named routes as old has them, with all that they need.
// What c has itself is newer and stays. It returns the routes filled in, sorted.
func (c *contents) Keep(old *contents, routes []string) (kept []string) {
	for _, name := range routes {
		route := old.routes[name]
		if route == nil || c.routes[name] != nil {
			continue
		}
		kept = append(kept, name)
		c.routes[name] = route
		restore(c.listeners, old.listeners, route.GetListener())
		c.restoreMaterials(old, route.Materials())
		for pool := range poolsOf(route.GetTree()) {
			restore(c.pools, old.pools, pool)
			c.restoreMaterials(old, c.pools[pool].Materials())
		}
	}
	slices.Sort(kept)
	return kept
}

// restoreMaterials fills in identities and trust bundles as old has them.
func (c *contents) restoreMaterials(old *contents, names iter.Seq2[pushv1.ResourceKind, string]) {
	for kind, name := range names {
		if kind == pushv1.ResourceKind_RESOURCE_KIND_IDENTITY {
			restore(c.identities, old.identities, name)
		} else {
			restore(c.bundles, old.bundles, name)
		}
	}
}

// restore puts name as it is in old into resources, unless it is there.
func restore[R any](resources, old map[string]*R, name string) {
	if resources[name] == nil && old[name] != nil {
		resources[name] = old[name]
	}
}

// Config puts the contents together, sorted by name.
func (c *contents) Config(generation uint64, retained []string) *pushv1.Config {
	return &pushv1.Config{
		Generation: generation,
		Listeners:  sorted(c.listeners),
		Routes:     sorted(c.routes),
		Pools:      sorted(c.pools),
		Retained:   retained,

		Identities:   sorted(c.identities),
		TrustBundles: sorted(c.bundles),
	}
}

// sorted are the values of resources in the order of their names.
func sorted[R any](resources map[string]*R) []*R {
	out := make([]*R, 0, len(resources))
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		out = append(out, resources[name])
	}
	return out
}
