// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namer is service discovery: what concrete names such as
// /#/io.l5d.fs/redis1 are bound to, and at which addresses. Each backend is a
// folder of its own; Table mounts them and keeps the state of every name that
// somebody wants.
package namer

import (
	"net/netip"

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

// Namer is one discovery backend.
type Namer interface {
	// Watch follows the name at path, the whole of it with the mount prefix,
	// and calls update with the first state as soon as it is known and with
	// each change. Calls are not concurrent, may come before Watch returns, and
	// end when stop returns. update must not block and must not call the namer.
	Watch(path dtab.Path, update func(State)) (stop func())
}
