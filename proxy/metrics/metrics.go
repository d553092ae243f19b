// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the connections of a proxy do, per listener, route
// and arm. Drivers count into an Arm, by atomics; a scrape reads them. Labels come
// from the config and from closed lists, never from an address, and an arm that
// has left the config is forgotten when its last connection ends.
//
// An arm counts every connection that the router gave to it. One that then went
// to another arm is closed here with outcome "redistributed" and counted anew
// there. What has no arm counts with an empty arm, and an empty route if the
// listener has none.
package metrics

import (
	"maps"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-dev/wye/proxy/plan"
)

// Metrics are the data plane's own metrics.
type Metrics struct {
	mu    sync.RWMutex
	arms  map[labels]*Arm  // guarded by mu
	live  map[labels]bool  // guarded by mu: what the plan in force has
	ports map[string]*Port // guarded by mu: listener -> port, of the plan in force
	plan  *plan.Plan       // guarded by mu: the one in force
}

type labels struct{ listener, route, arm string }

// New makes the metrics and registers them, unless registerer is nil.
func New(registerer prometheus.Registerer) *Metrics {
	m := &Metrics{arms: map[labels]*Arm{}, live: map[labels]bool{}, ports: map[string]*Port{}, plan: &plan.Plan{}}
	if registerer != nil {
		registerer.MustRegister(m)
	}
	return m
}

// Install follows the plan in force: its arms are shown from now on, and those
// that it does not have until they are idle.
func (m *Metrics) Install(p *plan.Plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live, m.plan = map[labels]bool{}, p
	maps.DeleteFunc(m.ports, func(name string, _ *Port) bool { return p.Listeners[name] == nil })
	for _, l := range p.Listeners {
		m.port(l.Name)
		m.live[labels{listener: l.Name}] = true
	}
	for _, r := range p.Routes {
		m.live[labels{listener: r.Listener, route: r.Name}] = true
		for i, leaf := range r.Chooser.Arms() {
			key := labels{listener: r.Listener, route: r.Name, arm: leaf.Arm}
			m.live[key] = true
			m.arm(key).pool.Store(r.Pools[i].Pool)
		}
	}
	for key, a := range m.arms {
		a.stale.Store(p.Stale(key.route, key.arm))
		if m.live[key] {
			continue
		}
		a.pool.Store(nil)
		if a.active.Load() == 0 {
			delete(m.arms, key)
		}
	}
}

// Accept counts a connection as accepted and active, and returns where to count
// the rest of it. Arm.Closed must follow.
func (m *Metrics) Accept(listener, route, arm string) *Arm {
	key := labels{listener: listener, route: route, arm: arm}
	m.mu.RLock()
	a := m.arms[key]
	if a != nil {
		a.accept()
	}
	m.mu.RUnlock()
	if a != nil {
		return a
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a = m.arm(key)
	a.accept()
	return a
}

// arm finds or makes the arm of key. m.mu is held.
func (m *Metrics) arm(key labels) *Arm {
	a := m.arms[key]
	if a == nil {
		a = &Arm{metrics: m, labels: key}
		a.stale.Store(m.plan.Stale(key.route, key.arm))
		m.arms[key] = a
	}
	return a
}

// forget drops an arm that has become idle, unless it is live.
func (m *Metrics) forget(a *Arm) {
	m.mu.RLock()
	live := m.live[a.labels]
	m.mu.RUnlock()
	if live {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.live[a.labels] && a.active.Load() == 0 && m.arms[a.labels] == a {
		delete(m.arms, a.labels)
	}
}
