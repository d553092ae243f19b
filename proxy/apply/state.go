// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
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

	all := stated.Clone()
	kept := all.Keep(index(s.config), retained)
	return state{stated: stated, config: all.Config(u.GetGeneration(), kept)}, nil
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
		case pushv1.ResourceKind_RESOURCE_KIND_ROUTE:
			routes = append(routes, name)
		}
	}
	all.Keep(old, routes)
	return all.Config(config.GetGeneration(), config.GetRetained())
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
}

func newContents() *contents {
	return &contents{
		listeners: map[string]*pushv1.Listener{},
		routes:    map[string]*pushv1.Route{},
		pools:     map[string]*pushv1.Pool{},
	}
}

// index takes a config apart.
func index(config *pushv1.Config) *contents {
	c := newContents()
	c.Put(config.GetListeners(), config.GetRoutes(), config.GetPools())
	return c
}

// Clone copies the maps.
func (c *contents) Clone() *contents {
	return &contents{listeners: maps.Clone(c.listeners), routes: maps.Clone(c.routes), pools: maps.Clone(c.pools)}
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
		}
	}
}

// Keep fills in the named routes as old has them, with their listener and pools.
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
		for pool := range poolsOf(route.GetTree()) {
			restore(c.pools, old.pools, pool)
		}
	}
	slices.Sort(kept)
	return kept
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
