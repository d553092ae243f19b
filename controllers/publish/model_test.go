// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// TestProxiesEndEqualToTheNewestConfig plays random publishes, deliveries, acks,
// reconnects and fail-overs, and holds after each step that
//   - a proxy that counts as converged on a route has its newest form;
//   - a retained route that a proxy had, it still has, with what it needs.
//
// At the end every proxy gets what is due, and has the newest config and nothing
// besides it and the retained routes.
func TestProxiesEndEqualToTheNewestConfig(t *testing.T) {
	for seed := range uint64(100) {
		m := newModel(rand.New(rand.NewPCG(seed, 1)))
		for step := range 120 {
			if err := m.step(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
		if err := m.drain(); err != nil {
			t.Fatalf("seed %d, at the end: %v", seed, err)
		}
	}
}

type model struct {
	rand    *rand.Rand
	book    *Book
	newest  *pushv1.Config // as the book has it
	proxies []*modelProxy
}

type modelProxy struct {
	*mirror
	pod     string
	session *session
	owed    bool // an ack
}

func newModel(r *rand.Rand) *model {
	m := &model{rand: r, book: NewBook(quiet)}
	for i := range 4 {
		m.proxies = append(m.proxies, &modelProxy{mirror: newMirror(), pod: fmt.Sprintf("edge-%d", i)})
	}
	return m
}

func (m *model) step() error {
	p := m.proxies[m.rand.IntN(len(m.proxies))]
	switch n := m.rand.IntN(100); {
	case n < 35:
		m.book.Publish(edge, m.config())
		m.newest = published(m.book)
		if err := whole(m.newest); err != nil {
			return err
		}
	case n < 65:
		if err := m.deliver(p); err != nil {
			return err
		}
	case n < 90:
		if err := m.ack(p); err != nil {
			return err
		}
	case n < 98:
		m.connect(p)
	default:
		m.failOver()
	}
	return m.convergenceIsTrue()
}

// config makes a config over few names, so that they meet again.
func (m *model) config() *pushv1.Config {
	c := &pushv1.Config{}
	var needed []string
	for i := range 5 {
		name := fmt.Sprintf("shop/r%d", i)
		switch m.rand.IntN(6) {
		case 0:
			c.Retained = append(c.Retained, name)
		case 1, 2, 3, 4:
			trees := []*pushv1.Tree{leaf(m.poolName()), union(leaf(m.poolName()), leaf(m.poolName()))}
			r := route(name, 1000+uint32(i/2), fmt.Sprint(m.rand.IntN(3)), alt(trees[:1+m.rand.IntN(2)]...))
			c.Routes = append(c.Routes, r)
			needed = append(needed, poolNames(r.GetTree())...)
			if !slices.ContainsFunc(c.Listeners, func(l *pushv1.Listener) bool { return l.GetName() == r.GetListener() }) {
				c.Listeners = append(c.Listeners, listener(1000+uint32(i/2)))
			}
		}
	}
	slices.Sort(needed)
	for _, name := range slices.Compact(needed) {
		c.Pools = append(c.Pools, pool(name, uint32(1+m.rand.IntN(3))))
	}
	return c
}

// whole tells whether a config has what its routes need, as all of config's do.
func whole(c *pushv1.Config) error {
	has := newMirror()
	has.apply(&pushv1.Update{Listeners: c.Listeners, Pools: c.Pools})
	for _, r := range c.GetRoutes() {
		if has.listeners[r.GetListener()] == nil {
			return fmt.Errorf("route %s was published without its listener", r.GetName())
		}
		for _, name := range poolNames(r.GetTree()) {
			if has.pools[name] == nil {
				return fmt.Errorf("route %s was published without pool %s", r.GetName(), name)
			}
		}
	}
	return nil
}

func (m *model) poolName() string { return fmt.Sprintf("p%d", m.rand.IntN(5)) }

func (m *model) deliver(p *modelProxy) error {
	if p.session == nil {
		return nil
	}
	u := m.book.next(p.session)
	if u == nil {
		return nil
	}
	if p.owed {
		return fmt.Errorf("%s got generation %d before it acked", p.pod, u.GetGeneration())
	}
	before := newMirror()
	for _, name := range m.newest.GetRetained() {
		before.keep(p.mirror, name)
	}
	p.apply(u)
	p.owed = true
	if u.GetGeneration() != m.book.Progress(edge).Generation {
		return fmt.Errorf("%s got generation %d, which is not the newest", p.pod, u.GetGeneration())
	}
	for name, r := range before.routes {
		if p.routes[name] != r || before.listeners[r.GetListener()] != nil && p.listeners[r.GetListener()] == nil {
			return fmt.Errorf("%s lost the retained route %s or its listener", p.pod, name)
		}
	}
	for name := range before.pools {
		if p.pools[name] == nil {
			return fmt.Errorf("%s lost pool %s of a retained route", p.pod, name)
		}
	}
	return nil
}

func (m *model) ack(p *modelProxy) error {
	if p.session == nil || !p.owed {
		return nil
	}
	p.owed = false
	_, confirmed, err := m.book.acknowledge(p.session, &pushv1.Ack{Generation: p.generation})
	if err == nil && !confirmed {
		err = fmt.Errorf("%s: the ack of %d confirmed nothing", p.pod, p.generation)
	}
	return err
}

// connect opens a session, in place of the one before if there is one.
func (m *model) connect(p *modelProxy) {
	h := hello(p.pod)
	h.Generation = p.generation
	p.session, p.owed = m.book.join(h), false
}

// failOver moves everything to a new book, which knows what the status said.
func (m *model) failOver() {
	last := m.book.Progress(edge)
	m.book = NewBook(quiet)
	if m.rand.IntN(2) == 0 {
		m.book.Seed(edge, last.Generation, last.Hash)
	}
	m.newest = nil
	for _, p := range m.proxies {
		p.session, p.owed = nil, false
	}
}

func (m *model) convergenceIsTrue() error {
	progress := m.book.Progress(edge)
	for _, proxy := range progress.Proxies {
		p := m.proxies[slices.IndexFunc(m.proxies, func(p *modelProxy) bool { return p.pod == proxy.Pod })]
		for _, r := range m.newest.GetRoutes() {
			if !proxy.Converged(r.GetName(), progress.Routes[r.GetName()]) {
				continue
			}
			one := &pushv1.Config{Routes: []*pushv1.Route{r}}
			for _, l := range m.newest.GetListeners() {
				if l.GetName() == r.GetListener() {
					one.Listeners = append(one.Listeners, l)
				}
			}
			for _, pool := range m.newest.GetPools() {
				if slices.Contains(poolNames(r.GetTree()), pool.GetName()) {
					one.Pools = append(one.Pools, pool)
				}
			}
			if err := p.missing(one); err != nil {
				return fmt.Errorf("%s counts as converged on %s: %w", p.pod, r.GetName(), err)
			}
		}
	}
	return nil
}

func (m *model) drain() error {
	if m.newest == nil {
		m.book.Publish(edge, m.config())
		m.newest = published(m.book)
	}
	for _, p := range m.proxies {
		if p.session == nil {
			m.connect(p)
		}
		for range 2 { // one may be in flight
			if err := m.ack(p); err != nil {
				return err
			}
			if err := m.deliver(p); err != nil {
				return err
			}
		}
		if err := m.ack(p); err != nil {
			return err
		}
		if m.book.next(p.session) != nil {
			return fmt.Errorf("%s has an update to come after two", p.pod)
		}
		if err := p.missing(m.newest); err != nil {
			return fmt.Errorf("%s: %w", p.pod, err)
		}
		if err := m.nothingElse(p); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) nothingElse(p *modelProxy) error {
	allowed := newMirror()
	for _, name := range m.newest.GetRetained() {
		allowed.keep(p.mirror, name)
	}
	allowed.apply(&pushv1.Update{Listeners: m.newest.Listeners, Routes: m.newest.Routes, Pools: m.newest.Pools})
	if len(p.listeners) != len(allowed.listeners) || len(p.routes) != len(allowed.routes) || len(p.pools) != len(allowed.pools) {
		return fmt.Errorf("%s has %v, wanted no more than %v", p.pod, p.mirror, allowed)
	}
	return nil
}
