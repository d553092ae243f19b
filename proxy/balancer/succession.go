// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"net/netip"
	"slices"
)

// succeed takes over what goes on from the pool before: the sequence of a round
// robin, and endpoints that are to be retired now that only those wanted stay.
func (p *Pool) succeed(old *Pool, wanted map[netip.AddrPort]bool) {
	if old == nil {
		return
	}
	p.all.follow(&old.all)
	if p.near != nil && old.near != nil {
		p.near.follow(old.near)
	}
	p.retired = old.outgoing(wanted)
}

// known are all endpoints by address.
func (p *Pool) known() map[netip.AddrPort]*Endpoint {
	if p == nil {
		return nil
	}
	known := make(map[netip.AddrPort]*Endpoint, len(p.all.endpoints)+len(p.retired))
	for _, e := range slices.Concat(p.all.endpoints, p.retired) {
		known[e.addr] = e
	}
	return known
}

// outgoing are the endpoints that are to be retired when only those wanted stay. One
// that is idle is kept for as long as p itself may still be picked from.
func (p *Pool) outgoing(wanted map[netip.AddrPort]bool) []*Endpoint {
	var out []*Endpoint
	for _, e := range p.all.endpoints {
		if !wanted[e.addr] {
			out = append(out, e)
		}
	}
	for _, e := range p.retired {
		if !wanted[e.addr] && e.Load() > 0 {
			out = append(out, e)
		}
	}
	return out
}

// Retired is the number of endpoints that cannot be picked any more and still
// have connections.
func (p *Pool) Retired() int {
	n := 0
	for _, e := range p.retired {
		if e.Load() > 0 {
			n++
		}
	}
	return n
}

// Idle tells whether no endpoint of the pool, retired or not, has connections.
func (p *Pool) Idle() bool {
	for _, e := range p.all.endpoints {
		if e.Load() > 0 {
			return false
		}
	}
	return p.Retired() == 0
}
