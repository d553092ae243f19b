// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package router

import (
	"math"
	"net/netip"

	"github.com/wye-dev/wye/proxy/affinity"
)

// NewSticky makes a Chooser that chooses by the client's address, the same arm for
// the same client on every proxy and in every order of the arms.
//
// It is weighted rendezvous hashing: to each arm the client has a distance of its
// own, drawn by a hash from the exponential distribution whose rate is the arm's
// share, and it goes to the nearest. Over many clients each arm gets its share of
// them, though not exactly. A share that grows draws its arm nearer to all clients,
// and moves no other: so clients move to that arm only, and none between others.
func NewSticky(s Shares) *Chooser {
	c := NewChooser(s)
	c.places = make([]place, 0, len(s.Arms)+1)
	for _, a := range s.Arms {
		share, _ := a.Share.Float64()
		c.places = append(c.places, place{key: affinity.Name(a.Arm), share: share})
	}
	nowhere, _ := s.Nowhere.Float64()
	c.places = append(c.places, place{key: affinity.Name(""), share: nowhere})
	return c
}

// place is where a client may go.
type place struct {
	key   uint64
	share float64
}

// nearest is the nearest of places with a share, but for those tried; Nowhere if none is left.
func nearest(places []place, client netip.Addr, tried Set) int {
	key := affinity.Client(client)
	best, least := Nowhere, math.Inf(1)
	for i, p := range places {
		if p.share > 0 && !tried.Has(i) {
			if d := p.distance(key); d < least {
				best, least = i, d
			}
		}
	}
	return best
}

// distance is above 0 and finite.
func (p place) distance(client uint64) float64 {
	// The middle of one of 2^52 parts of the range from 0 to 1.
	uniform := (float64(affinity.Pair(client, p.key)>>12) + 0.5) / (1 << 52)
	return -math.Log(uniform) / p.share
}
