// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// ofClient is the policy ConsistentHash. Each endpoint has a number for each client,
// and the greatest wins (rendezvous hashing). So an endpoint that leaves moves its own
// clients alone, one that comes takes its share and nobody moves between others; and
// who cannot reach its endpoint goes to the one with the next number, the same each
// time. Numbers depend on nothing but the addresses: all proxies agree.
func (g *group) ofClient(a *Ask, anyone bool) int {
	key := addressHash(a.Client)
	if g.weights == nil {
		if i := g.greatest(key); g.fits(i, a, anyone) {
			return i
		}
	}
	best, highest := -1, 0.0
	for i, seed := range g.seeds {
		if number := lot(mix(seed^key), g.weight(i)); (best < 0 || number > highest) && g.fits(i, a, anyone) {
			best, highest = i, number
		}
	}
	return best
}

// greatest is the endpoint that wins when all weigh the same and fit.
func (g *group) greatest(key uint64) int {
	best, highest := 0, uint64(0)
	for i, seed := range g.seeds {
		if number := mix(seed ^ key); number > highest {
			best, highest = i, number
		}
	}
	return best
}

// lot makes a hash into a number so that the probability to have the greatest is in
// proportion to weight. It grows with the hash.
func lot(hash uint64, weight float64) float64 { return math.Log(unit(hash)) / weight }

// unit is a hash as a number between 0 and 1, neither included.
func unit(hash uint64) float64 { return (float64(hash>>11) + 0.5) / (1 << 53) }

// seedsOf are hashes of the endpoints' addresses and ports.
func seedsOf(endpoints []*Endpoint) []uint64 {
	seeds := make([]uint64, len(endpoints))
	for i, e := range endpoints {
		seeds[i] = mix(addressHash(e.addr.Addr()) + uint64(e.addr.Port()))
	}
	return seeds
}

// addressHash is the same for an IPv4 address in whatever form. The whole of an IPv6
// address counts: in a cluster all pods of a node can share a /64.
func addressHash(a netip.Addr) uint64 {
	b := a.As16()
	return mix(binary.BigEndian.Uint64(b[:8]) ^ mix(binary.BigEndian.Uint64(b[8:])))
}

// mix spreads each bit over all (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
