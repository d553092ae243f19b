//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

const (
	lasting = 3 // routes that are always there
	passing = 3 // routes that come and go
	arms    = 3 // of each route
	// leastEndpoints of a pool: one of them may be dead.
	leastEndpoints = 2
)

// plan is what the proxy is told. Its routes are dialled by the load while it changes.
type plan struct {
	random     *rand.Rand
	endpoints  []*endpoint
	routes     []*route
	generation uint64

	mu sync.RWMutex // held for reading while a route is dialled
}

// route is a port of the proxy with arms and their pools.
type route struct {
	name    string
	port    uint32
	passes  bool // it comes and goes
	there   bool // guarded by plan.mu
	weights [arms]float64
	members [arms]map[int]bool // numbers of endpoints
}

func (r *route) address() string     { return fmt.Sprintf("127.0.0.1:%d", r.port) }
func (r *route) listener() string    { return fmt.Sprintf("tcp/%d", r.port) }
func (r *route) resource() string    { return "ns/" + r.name }
func (r *route) pool(arm int) string { return fmt.Sprintf("/#/%s/%d", r.name, arm) }

func newPlan(random *rand.Rand, endpoints []*endpoint, port func() uint32) *plan {
	p := &plan{random: random, endpoints: endpoints}
	for i := range lasting + passing {
		p.routes = append(p.routes, &route{name: fmt.Sprintf("route-%d", i), port: port(), passes: i >= lasting})
	}
	p.reset()
	return p
}

// reset makes the plan what it was in the beginning.
func (p *plan) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, r := range p.routes {
		r.there = true
		for arm := range arms {
			r.weights[arm], r.members[arm] = float64(arm+1), map[int]bool{}
			for i := range leastEndpoints + 1 {
				r.members[arm][(n+arm+i)%len(p.endpoints)] = true
			}
		}
	}
}

// dial connects through a door. It tells whether the door's route is there.
func (p *plan) dial(d *door) (c conn, there bool, err error) {
	if d.route != nil {
		p.mu.RLock()
		defer p.mu.RUnlock()
		if !d.route.there {
			return nil, false, nil
		}
	}
	c, err = d.dial(d.address)
	return c, true, err
}

func (p *plan) set(r *route, there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.there = there
}

// update is an empty update.
func (p *plan) update() *pushv1.Update {
	p.generation++
	return &pushv1.Update{Generation: p.generation}
}

// full states everything.
func (p *plan) full() *pushv1.Update {
	u := p.update()
	u.Full = true
	for _, r := range p.routes {
		if r.there {
			p.add(u, r)
		}
	}
	return u
}

// add states a route with all that belongs to it.
func (p *plan) add(u *pushv1.Update, r *route) {
	u.Listeners = append(u.Listeners, &pushv1.Listener{Name: r.listener(), Port: r.port})
	u.Routes = append(u.Routes, p.routeOf(r))
	for arm := range arms {
		u.Pools = append(u.Pools, p.poolOf(r, arm))
	}
}

func (p *plan) routeOf(r *route) *pushv1.Route {
	union := &pushv1.Union{}
	for arm, weight := range r.weights {
		leaf := &pushv1.Leaf{Arm: fmt.Sprint(arm), Pool: r.pool(arm)}
		union.Trees = append(union.Trees, &pushv1.Weighted{Weight: weight, Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: leaf}}})
	}
	return &pushv1.Route{
		Name: r.resource(), Listener: r.listener(), Hash: fmt.Sprintf("%016x", p.generation),
		Tree: &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: union}},
	}
}

func (p *plan) poolOf(r *route, arm int) *pushv1.Pool {
	pool := &pushv1.Pool{Name: r.pool(arm)}
	for _, number := range slices.Sorted(maps.Keys(r.members[arm])) {
		pool.Endpoints = append(pool.Endpoints, &pushv1.Endpoint{Address: "127.0.0.1", Port: p.endpoints[number].port})
	}
	return pool
}
