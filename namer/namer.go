// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namer is service discovery: what concrete names such as
// /#/io.l5d.fs/redis1 are bound to, and at which addresses. Each backend is a
// folder of its own; Table mounts them and keeps the state of every name that
// somebody wants.
package namer

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/wye-dev/wye/dtab"
)

// AddrState says what is known of the addresses of a bound name.
type AddrState uint8

// The address states, as linkerd's. Only AddrBound has endpoints, and it may have none.
const (
	AddrPending AddrState = iota // not known yet
	AddrBound
	AddrNeg    // the name has no addresses and never had, such as an unknown host
	AddrFailed // cannot be known; Cause says why
)

// Addr is the address set of a bound name.
type Addr struct {
	State     AddrState
	Endpoints []Endpoint // sorted by Addr, without duplicates
	Cause     string     // for AddrFailed
}

// Endpoint is one address.
type Endpoint struct {
	Addr   netip.AddrPort
	Weight float64 // endpoint_addr_weight; above 0, usually 1
	Node   string  // nodeName, empty when not known
	// Zones it is meant for, sorted. None: all. Not to be changed, as it may be shared.
	Zones []string
}

// Equal tells whether e and f say the same.
func (e Endpoint) Equal(f Endpoint) bool {
	return e.Addr == f.Addr && e.Weight == f.Weight && e.Node == f.Node && slices.Equal(e.Zones, f.Zones)
}

// State is what a namer knows of a path.
type State struct {
	// Tree is Neg, or what the path is bound to.
	Tree dtab.Tree[dtab.Name]
	// Addr is the address set when Tree is a leaf with a bound name.
	Addr Addr
	// Err says that the path cannot be looked up. Namers keep the last state
	// that they knew rather than set it once something is known.
	Err error
}

// BoundTo is the state of a path that is bound: its first segments are the
// concrete name's id, the others the residual.
func BoundTo(path dtab.Path, segments int, addr Addr) State {
	bound := &dtab.Bound{ID: path[:segments:segments], Residual: path[segments:]}
	return State{
		Tree: dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Bound: bound}},
		Addr: addr,
	}
}

// Equal tells whether s and t say the same. Errors are compared by their texts.
func (s State) Equal(t State) bool {
	return equalError(s.Err, t.Err) && s.Addr.Equal(t.Addr) && equalTree(s.Tree, t.Tree)
}

// Equal tells whether a and b say the same.
func (a Addr) Equal(b Addr) bool {
	return a.State == b.State && a.Cause == b.Cause && slices.EqualFunc(a.Endpoints, b.Endpoints, Endpoint.Equal)
}

func equalError(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

func equalTree(a, b dtab.Tree[dtab.Name]) bool {
	return a.Kind == b.Kind && equalName(a.Leaf, b.Leaf) &&
		slices.EqualFunc(a.Children, b.Children, func(a, b dtab.Weighted[dtab.Name]) bool {
			return a.Weight == b.Weight && equalTree(a.Tree, b.Tree)
		})
}

func equalName(a, b dtab.Name) bool {
	if a.Bound == nil || b.Bound == nil {
		return a.Bound == b.Bound && slices.Equal(a.Path, b.Path)
	}
	return slices.Equal(a.Bound.ID, b.Bound.ID) && slices.Equal(a.Bound.Residual, b.Bound.Residual)
}

// SortEndpoints puts endpoints into the order that Addr asks for, in place. Of
// several with the same address the one with the greatest weight stays, and
// among those one whose node, and then whose zones, are known.
func SortEndpoints(endpoints []Endpoint) []Endpoint {
	slices.SortFunc(endpoints, func(a, b Endpoint) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(b.Weight, a.Weight), cmp.Compare(b.Node, a.Node), slices.Compare(b.Zones, a.Zones))
	})
	return slices.CompactFunc(endpoints, func(a, b Endpoint) bool { return a.Addr == b.Addr })
}

// Namer is one discovery backend.
type Namer interface {
	// Watch follows the name at path, the whole of it with the mount prefix,
	// and calls update with the first state as soon as it is known and with
	// each change. Calls are not concurrent, may come before Watch returns, and
	// end when stop returns. update must not block and must not call the namer.
	// Watch does not wait for anything outside the process.
	Watch(path dtab.Path, update func(State)) (stop func())
}
