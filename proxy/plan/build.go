// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/socket"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// Builder makes plans. The zero Builder refuses routes that end TLS.
type Builder struct {
	// Identities that routes show to clients. nil: there are none.
	Identities *tlsconf.Store
	// Zone that the proxy is in. Empty: it is not known.
	Zone string
	// Tell is told when an endpoint is taken out and when it is readmitted, by the
	// thread that does it. nil: nobody is.
	Tell func(balancer.Event)
	// Now is when the plan comes into force.
	Now time.Time
}

// Build makes a plan as the zero Builder does.
func Build(config *pushv1.Config, old *Plan) (*Plan, []*pushv1.Refusal) {
	return Builder{}.Build(config, old)
}

// Build makes the plan of a config. old is the plan being served, nil for none.
//
// A refused listener or pool stays as old has it; a refused route, and one that
// the config retains, stays as old has it with its listener and pools, unless its
// listener has been given to another. Of two resources with one name, two
// listeners with one port on one address and two routes on one listener the first is taken.
// Refusals have reason INVALID, are sorted by kind and name, and stay the same
// while their cause does.
func (m Builder) Build(config *pushv1.Config, old *Plan) (*Plan, []*pushv1.Refusal) {
	if old == nil {
		old = &Plan{}
	}
	b := &building{
		Builder: m,
		old:     old,
		plan: &Plan{
			Generation: config.GetGeneration(),
			Listeners:  map[string]*Listener{},
			Routes:     map[string]*Route{},
			Pools:      map[string]*Pool{},
			outgoing:   map[string]*Pool{},
		},
		places: map[netip.AddrPort]string{},
	}
	b.addPools(config.GetPools())
	b.addListeners(config.GetListeners())
	kept := append(b.addRoutes(config.GetRoutes()), config.GetRetained()...)
	for _, name := range kept {
		b.keepRoute(name)
	}
	b.keepOutgoing()
	slices.SortFunc(b.refused, func(x, y *pushv1.Refusal) int {
		return cmp.Or(cmp.Compare(x.Resource.Kind, y.Resource.Kind), cmp.Compare(x.Resource.Name, y.Resource.Name),
			cmp.Compare(x.Message, y.Message))
	})
	return b.plan, b.refused
}

type building struct {
	Builder
	old     *Plan
	plan    *Plan
	places  map[netip.AddrPort]string // port on an address -> listener that has it
	refused []*pushv1.Refusal
}

func (b *building) refuse(kind pushv1.ResourceKind, name string, cause error) {
	b.refused = append(b.refused, &pushv1.Refusal{
		Resource: &pushv1.ResourceName{Kind: kind, Name: name},
		Reason:   pushv1.RefusalReason_REFUSAL_REASON_INVALID,
		Message:  cause.Error(),
	})
}

func (b *building) addPools(pools []*pushv1.Pool) {
	for _, p := range pools {
		pool, err := b.pool(p)
		if err != nil {
			b.refuse(pushv1.ResourceKind_RESOURCE_KIND_POOL, p.GetName(), err)
			b.keepPool(p.GetName())
			continue
		}
		b.plan.Pools[p.GetName()] = pool
	}
}

// oldPool is what is known of a pool from before.
func (b *building) oldPool(name string) *Pool {
	if p := b.old.Pools[name]; p != nil {
		return p
	}
	return b.old.outgoing[name]
}

func (b *building) keepPool(name string) {
	if p := b.old.Pools[name]; p != nil && b.plan.Pools[name] == nil {
		b.plan.Pools[name] = p
	}
}

func (b *building) addListeners(listeners []*pushv1.Listener) {
	// First those that are good, so that one which is kept takes no port from them.
	var kept []string
	for _, l := range listeners {
		if err := b.readListener(l); err != nil {
			b.refuse(pushv1.ResourceKind_RESOURCE_KIND_LISTENER, l.GetName(), err)
			kept = append(kept, l.GetName())
		}
	}
	for _, name := range kept {
		b.keepListener(name)
	}
}

func (b *building) readListener(l *pushv1.Listener) error {
	name, port := l.GetName(), l.GetPort()
	switch {
	case name == "":
		return fmt.Errorf("the listener on port %d has no name", port)
	case b.plan.Listeners[name] != nil:
		return fmt.Errorf("listener %q is there twice", name)
	case port < 1 || port > 65535:
		return fmt.Errorf("port %d of listener %q is not in 1 to 65535", port, name)
	}
	address, err := listenAddress(l.GetAddress())
	if err != nil {
		return fmt.Errorf("listener %q: %w", name, err)
	}
	if err := socket.CheckCongestionControl(l.GetCongestionControl()); err != nil {
		return fmt.Errorf("listener %q: %w", name, err)
	}
	proxies, err := proxyProtocol(l.GetProxyProtocol())
	if err != nil {
		return fmt.Errorf("listener %q: %w", name, err)
	}
	return b.addListener(Listener{
		Name:              name,
		Address:           address,
		Port:              uint16(port),
		MaxConnections:    l.GetMaxConnections(),
		AcceptRate:        l.GetAcceptRate(),
		MaxHandshakes:     l.GetMaxHandshakes(),
		CongestionControl: l.GetCongestionControl(),
		ProxyProtocol:     proxies,
	})
}

// proxyProtocol reads who tells of clients; nil for nobody.
func proxyProtocol(p *pushv1.AcceptedProxyProtocol) (*ProxyProtocol, error) {
	if p == nil {
		return nil, nil
	}
	read := &ProxyProtocol{}
	for _, text := range p.GetTrustedCidrs() {
		net, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q of those who are trusted to send a PROXY header is no CIDR, such as 10.0.0.0/8", text)
		}
		if mapped := net.Addr().Is4In6() && net.Bits() >= 96; mapped {
			net = netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
		}
		read.trusted = append(read.trusted, net)
	}
	return read, nil
}

// listenAddress reads the address of a listener; empty is the zero Addr.
func listenAddress(text string) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	address, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return address, fmt.Errorf("address %q is not an IP address", text)
	case address.Zone() != "":
		return address, fmt.Errorf("address %q has a zone", text)
	}
	return address.Unmap(), nil
}

// addListener adds a listener that has no route yet, unless another has its place.
func (b *building) addListener(l Listener) error {
	place := netip.AddrPortFrom(l.Address, l.Port)
	if other, taken := b.places[place]; taken {
		return fmt.Errorf("port %d of listener %q is listener %q's", l.Port, l.Name, other)
	}
	b.places[place] = l.Name
	l.Route, l.Names = nil, nil
	b.plan.Listeners[l.Name] = &l
	return nil
}

// keepListener goes on with the listener that old has, if nothing has taken its
// place. It tells whether the plan has the listener now.
func (b *building) keepListener(name string) bool {
	if b.plan.Listeners[name] != nil {
		return true
	}
	before := b.old.Listeners[name]
	return before != nil && b.addListener(*before) == nil
}

// addRoutes returns the names of those it refused.
func (b *building) addRoutes(routes []*pushv1.Route) (refused []string) {
	for _, r := range routes {
		route, err := b.route(r)
		if err == nil {
			err = b.plan.Listeners[route.Listener].room(route)
		}
		if err != nil {
			b.refuse(pushv1.ResourceKind_RESOURCE_KIND_ROUTE, r.GetName(), err)
			refused = append(refused, r.GetName())
			continue
		}
		b.addRoute(route)
	}
	return refused
}

// keepRoute goes on with the route that old has, if nothing has taken its place. Its
// pools are the newest that there are.
func (b *building) keepRoute(name string) {
	before := b.old.Routes[name]
	if before == nil || b.plan.Routes[name] != nil || !b.keepListener(before.Listener) {
		return
	}
	if b.plan.Listeners[before.Listener].room(before) != nil {
		return
	}
	for _, p := range before.Pools {
		b.keepPool(p.Name())
	}
	b.addRoute(before.with(b.plan.Pools))
}

// addRoute adds a route that its listener has room for.
func (b *building) addRoute(r *Route) {
	b.plan.Routes[r.Name] = r
	b.plan.Listeners[r.Listener].add(r)
}

// with is the route over the pools of those names; the same if they are the same.
func (r *Route) with(pools map[string]*Pool) *Route {
	now := make([]*Pool, len(r.Pools))
	for i, p := range r.Pools {
		now[i] = pools[p.Name()]
	}
	if slices.Equal(now, r.Pools) {
		return r
	}
	next := *r
	next.Pools = now
	return &next
}

// keepOutgoing remembers pools that have left the config while they have
// connections, so that one which comes back has its load. Those that have only
// just left may still be picked from, and are remembered once in any case.
func (b *building) keepOutgoing() {
	maps.Copy(b.plan.outgoing, b.old.Pools)
	for name, p := range b.old.outgoing {
		if !p.Idle() {
			b.plan.outgoing[name] = p
		}
	}
	for name := range b.plan.Pools {
		delete(b.plan.outgoing, name)
	}
}
