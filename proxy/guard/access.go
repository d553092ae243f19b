// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Access says which clients may come, by address.
type Access struct {
	allow, deny networks
	audit       bool
}

// NewAccess reads lists of CIDRs. Who is in deny may not come; of the others those
// who are in allow, or all where that is empty. audit: all may come, and whoever may
// not is only to be counted.
func NewAccess(allow, deny []string, audit bool) (*Access, error) {
	allowed, err := readNetworks(allow)
	if err != nil {
		return nil, fmt.Errorf("allow: %w", err)
	}
	denied, err := readNetworks(deny)
	if err != nil {
		return nil, fmt.Errorf("deny: %w", err)
	}
	return &Access{allow: allowed, deny: denied, audit: audit}, nil
}

// permits tells whether a client may come.
func (a *Access) permits(client netip.Addr) bool {
	client = client.Unmap().WithZone("")
	return !a.deny.contain(client) && (len(a.allow) == 0 || a.allow.contain(client))
}

// networks are sorted, and none is within another: so at most one of them can
// contain an address, the last that begins at it or before it.
type networks []netip.Prefix

func readNetworks(cidrs []string) (networks, error) {
	all := make(networks, 0, len(cidrs))
	for i, text := range cidrs {
		p, err := ParseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits())) // the wider first
	})
	outer := all[:0]
	for _, p := range all {
		if n := len(outer); n == 0 || !outer[n-1].Contains(p.Addr()) {
			outer = append(outer, p)
		}
	}
	return slices.Clip(outer), nil
}

// ParseCIDR reads a network such as 10.0.0.0/8 or 2001:db8::/32. Bits behind its
// length are ignored; IPv4 written as IPv6 is IPv4.
func ParseCIDR(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is not a CIDR, such as 10.0.0.0/8 or 2001:db8::/32", text)
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("%q is neither a network of IPv4 nor one of IPv6", text)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func (n networks) contain(client netip.Addr) bool {
	low, high := 0, len(n) // the first that begins after the client is in [low, high]
	for low < high {
		if middle := (low + high) / 2; n[middle].Addr().Compare(client) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low > 0 && n[low-1].Contains(client)
}
