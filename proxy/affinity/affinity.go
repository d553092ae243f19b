// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package affinity makes the hashes by which clients keep to an arm, or to an
// endpoint. They are the same in every process, of every version and on every
// machine: a fleet's proxies need not talk to each other to agree on where a client
// belongs. They are no secret, and spread what is not chosen to collide. It does no
// IO, draws no random numbers and allocates nothing.
package affinity

import (
	"encoding/binary"
	"net/netip"
)

// Client is the key of a client's address: of all of an IPv4 address, also one that
// is written as IPv6, or of an IPv6 address: nodes give all their pods addresses of one
// /64, and those are not one client. Zones do not count.
func Client(addr netip.Addr) uint64 {
	addr = addr.Unmap()
	if addr.Is4() {
		b := addr.As4()
		return mix(uint64(binary.BigEndian.Uint32(b[:])) | 1<<32)
	}
	b := addr.As16()
	return mix(mix(binary.BigEndian.Uint64(b[:8])+1) ^ binary.BigEndian.Uint64(b[8:]))
}

// Name is the key of a name, such as an arm's, or of an endpoint's address as text.
func Name(name string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return mix(h)
}

// Pair is the hash of a client and somewhere it may go, evenly spread over all 64
// bits. Two places have unrelated hashes for the same client.
func Pair(client, place uint64) uint64 { return mix(client ^ mix(place)) }

// mix spreads each bit over all others: the finish of SplitMix64, by Sebastiano Vigna.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
