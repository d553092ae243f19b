// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// mirror is what a proxy holds: it applies updates word by word as push.proto
// has them, and shares no code with what makes them.
type mirror struct {
	generation uint64
	listeners  map[string]*pushv1.Listener // name -> resource
	routes     map[string]*pushv1.Route    // name -> resource
	pools      map[string]*pushv1.Pool     // name -> resource
}

func newMirror() *mirror {
	return &mirror{
		listeners: map[string]*pushv1.Listener{},
		routes:    map[string]*pushv1.Route{},
		pools:     map[string]*pushv1.Pool{},
	}
}

func (m *mirror) apply(u *pushv1.Update) {
	old := &mirror{listeners: m.listeners, routes: m.routes, pools: m.pools}
	next := newMirror()
	if !u.GetFull() {
		next.listeners, next.routes, next.pools = maps.Clone(m.listeners), maps.Clone(m.routes), maps.Clone(m.pools)
		for _, r := range u.GetRemoved() {
			switch r.GetKind() {
			case pushv1.ResourceKind_RESOURCE_KIND_LISTENER:
				delete(next.listeners, r.GetName())
			case pushv1.ResourceKind_RESOURCE_KIND_ROUTE:
				delete(next.routes, r.GetName())
			case pushv1.ResourceKind_RESOURCE_KIND_POOL:
				delete(next.pools, r.GetName())
			}
		}
	}
	for _, name := range u.GetRetained() {
		next.keep(old, name)
	}
	for _, l := range u.GetListeners() {
		next.listeners[l.GetName()] = l
	}
	for _, r := range u.GetRoutes() {
		next.routes[r.GetName()] = r
	}
	for _, p := range u.GetPools() {
		next.pools[p.GetName()] = p
	}
	next.generation = u.GetGeneration()
	*m = *next
}

// keep takes a route with its listener and pools over from old.
func (m *mirror) keep(old *mirror, name string) {
	route, ok := old.routes[name]
	if !ok {
		return
	}
	m.routes[name] = route
	if l, ok := old.listeners[route.GetListener()]; ok {
		m.listeners[l.GetName()] = l
	}
	for _, pool := range poolNames(route.GetTree()) {
		if p, ok := old.pools[pool]; ok {
			m.pools[pool] = p
		}
	}
}

// missing says what a config has that the mirror does not have just so.
func (m *mirror) missing(c *pushv1.Config) error {
	for _, l := range c.GetListeners() {
		if !proto.Equal(m.listeners[l.GetName()], l) {
			return fmt.Errorf("listener %s is not %v", l.GetName(), l)
		}
	}
	for _, r := range c.GetRoutes() {
		if !proto.Equal(m.routes[r.GetName()], r) {
			return fmt.Errorf("route %s is not %v", r.GetName(), r)
		}
	}
	for _, p := range c.GetPools() {
		if !proto.Equal(m.pools[p.GetName()], p) {
			return fmt.Errorf("pool %s is not %v", p.GetName(), p)
		}
	}
	return nil
}

func poolNames(tree *pushv1.Tree) []string {
	var names []string
	switch {
	case tree.GetLeaf() != nil:
		names = []string{tree.GetLeaf().GetPool()}
	case tree.GetAlt() != nil:
		for _, t := range tree.GetAlt().GetTrees() {
			names = append(names, poolNames(t)...)
		}
	case tree.GetUnion() != nil:
		for _, w := range tree.GetUnion().GetTrees() {
			names = append(names, poolNames(w.GetTree())...)
		}
	}
	return names
}

// Makers of resources for tests.

func listener(port uint32) *pushv1.Listener {
	return &pushv1.Listener{Name: fmt.Sprintf("tcp/%d", port), Port: port}
}

func leaf(pool string) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: pool, Pool: pool}}}
}

func union(trees ...*pushv1.Tree) *pushv1.Tree {
	u := &pushv1.Union{}
	for i, t := range trees {
		u.Trees = append(u.Trees, &pushv1.Weighted{Weight: float64(i + 1), Tree: t})
	}
	return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: u}}
}

func alt(trees ...*pushv1.Tree) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Alt{Alt: &pushv1.Alt{Trees: trees}}}
}

func route(name string, port uint32, hash string, tree *pushv1.Tree) *pushv1.Route {
	return &pushv1.Route{Name: name, Listener: listener(port).GetName(), Hash: hash, Tree: tree}
}

func pool(name string, ports ...uint32) *pushv1.Pool {
	p := &pushv1.Pool{Name: name}
	for _, port := range ports {
		p.Endpoints = append(p.Endpoints, &pushv1.Endpoint{Address: "127.0.0.1", Port: port})
	}
	return p
}
