// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Answer is what is known of a host. A host without any addresses and without
// errors does not exist.
type Answer struct {
	V4, V6 Records
}

// Records are a host's addresses of one family.
type Records struct {
	Addrs []netip.Addr
	// TTL is how long the addresses are good for.
	TTL time.Duration
	// Err says that the addresses cannot be known at present.
	Err error
}

// Addrs are the addresses of both families.
func (a Answer) Addrs() []netip.Addr { return slices.Concat(a.V4.Addrs, a.V6.Addrs) }

// Err says that one of the families cannot be known at present.
func (a Answer) Err() error { return cmp.Or(a.V4.Err, a.V6.Err) }

func (a Answer) found() bool { return len(a.V4.Addrs)+len(a.V6.Addrs) > 0 }

// ttl is the shortest among the families that have addresses.
func (a Answer) ttl() time.Duration {
	switch {
	case len(a.V4.Addrs) == 0:
		return a.V6.TTL
	case len(a.V6.Addrs) == 0:
		return a.V4.TTL
	default:
		return min(a.V4.TTL, a.V6.TTL)
	}
}
