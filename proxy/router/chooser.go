// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package router decides which arm of a route a connection goes to. Flatten works
// out from a bound name tree the share of each arm; a Chooser deals connections
// out so that after every one of them each arm has had its share to within one
// connection, or else so that clients keep to their arm. It does no IO, reads no clock, draws no random numbers and
// allocates nothing per connection, so that every driver can use it from any thread.
package router

import (
	"math/big"
	"math/bits"
	"net/netip"
	"slices"
	"sync"
)

// Nowhere is the choice of a connection that has no arm to go to.
const Nowhere = -1

// resolution of shares whose exact fractions have no common denominator of up to
// 1<<resolution: they are rounded to fractions of 1<<resolution.
const resolution = 48

// Chooser deals the connections of one route out to its arms. All accept loops
// share it. One that NewSticky made goes by the client alone; the others keep count.
//
// It keeps for each arm its lag: the connections it should have had so far less
// those it has had. With each connection every arm's lag grows by its share, and
// one arm is chosen, which takes 1 off its lag. Of k arms that have a share, only
// those may be chosen that lag by at least 1/(2k-2); chosen is the one that would
// be first to lag by more than 1 - 1/(2k-2) if it were passed over. As Tijdeman
// showed ("The chairman assignment problem", 1980), no lag then ever leaves
// the range from -(1 - 1/(2k-2)) to 1 - 1/(2k-2), and no rule can do better.
//
// That is for shares that stay as they are. After changes of shares (Adopt) lags
// are still always above -1, and below 1 + H(k-1) for k arms (H is the harmonic
// number: under 6 for 64 arms), however often and however the shares change: what
// lags by more than it should comes first, the largest lag foremost, so that the
// excess is a cup game played by its greedy strategy, which has that bound. With
// the shares at rest again, lags return to between -1 and 1.
//
// Shares are exact when they have a common denominator of up to 2^48, as a
// million to one has, or 64 weights of up to a million. Otherwise they are rounded
// to fractions of 2^48: an error of one connection in a million million.
type Chooser struct {
	arms  []Leaf
	parts []int64 // share of each arm, then of Nowhere, in fractions of whole
	whole int64   // one connection
	slack int64   // 1/(2k-2) of whole
	sole  int     // index of the part that is the whole, or -1

	places []place // of the parts; nil: exact

	mu    sync.Mutex
	lags  []int64 // guarded by mu; of each part, in fractions of whole; their sum is 0
	spare []int64 // guarded by mu; the same for connections dealt by Instead
}

// NewChooser makes a Chooser that starts with no lag.
func NewChooser(s Shares) *Chooser {
	c := &Chooser{sole: -1}
	shares := make([]*big.Rat, 0, len(s.Arms)+1)
	for _, a := range s.Arms {
		c.arms = append(c.arms, a.Leaf)
		shares = append(shares, a.Share)
	}
	shares = append(shares, s.Nowhere)
	c.parts, c.whole, c.slack = fractions(shares)
	for i, p := range c.parts {
		if p == c.whole {
			c.sole = i
		}
	}
	c.lags = make([]int64, len(c.parts))
	c.spare = make([]int64, len(c.parts))
	return c
}

// Arms are the arms that Next and Instead return indexes into. It must not be changed.
func (c *Chooser) Arms() []Leaf { return c.arms }

// Has tells whether an arm gets connections: whether it has a share.
func (c *Chooser) Has(arm string) bool {
	i := slices.IndexFunc(c.arms, func(l Leaf) bool { return l.Arm == arm })
	return i >= 0 && c.parts[i] > 0
}

// Next chooses the arm of the next connection, which is client's: an index into
// Arms, or Nowhere.
func (c *Chooser) Next(client netip.Addr) int {
	if c.sole >= 0 {
		return c.choice(c.sole)
	}
	if c.places != nil {
		return c.choice(nearest(c.places, client, 0))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	best := -1
	for i, part := range c.parts {
		c.lags[i] += part
		if part > 0 && c.lags[i] >= c.slack && (best < 0 || c.before(i, best)) {
			best = i
		}
	}
	c.lags[best] -= c.whole
	return c.choice(best)
}

// before tells whether i is to be served before j.
func (c *Chooser) before(i, j int) bool {
	leftI, leftJ := c.whole-c.slack-c.lags[i], c.whole-c.slack-c.lags[j]
	if leftI < 0 || leftJ < 0 {
		return leftI < leftJ
	}
	// Connections until the lag is too large: left / part.
	iHi, iLo := bits.Mul64(uint64(leftI), uint64(c.parts[j]))
	jHi, jLo := bits.Mul64(uint64(leftJ), uint64(c.parts[i]))
	return iHi < jHi || iHi == jHi && iLo < jLo
}

// Instead chooses another arm for a connection whose arms so far, tried, had no
// endpoint that could be reached. It is Nowhere when no arm with a share is left.
//
// The connection stays charged to the arm that Next chose, so that shares come
// out right again as soon as that arm is back, with nothing to make up for. What
// goes elsewhere meanwhile has an account of its own: it is divided among the
// arms that are left in proportion to their shares, the largest lag first. Where
// clients keep to their arm, it is the arm that client would have without those tried.
func (c *Chooser) Instead(tried Set, client netip.Addr) int {
	if c.places != nil {
		return nearest(c.places[:len(c.arms)], client, tried)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var left uint64
	for i := range c.arms {
		if !tried.Has(i) {
			left += uint64(c.parts[i])
		}
	}
	if left == 0 {
		return Nowhere
	}
	best, given := -1, int64(0)
	for i := range c.arms {
		if tried.Has(i) || c.parts[i] == 0 {
			continue
		}
		hi, lo := bits.Mul64(uint64(c.parts[i]), uint64(c.whole))
		part, _ := bits.Div64(hi, lo, left)
		c.spare[i] += int64(part)
		given += int64(part)
		if best < 0 || c.spare[i] > c.spare[best] {
			best = i
		}
	}
	c.spare[best] -= given
	return best
}

// Left tells whether an arm with a share is left besides those tried.
func (c *Chooser) Left(tried Set) bool {
	for i := range c.arms {
		if c.parts[i] > 0 && !tried.Has(i) {
			return true
		}
	}
	return false
}

func (c *Chooser) choice(part int) int {
	if part == len(c.arms) {
		return Nowhere
	}
	return part
}

// Set is a set of arms, by index.
type Set uint64

// Has tells whether arm is in the set.
func (s Set) Has(arm int) bool { return s&(1<<arm) != 0 }

// With is the set with arm in it.
func (s Set) With(arm int) Set { return s | 1<<arm }

// fractions turns shares, whose sum is 1, into integers whose sum is whole.
func fractions(shares []*big.Rat) (parts []int64, whole, slack int64) {
	common, holders := commonDenominator(shares), int64(0)
	for _, s := range shares {
		holders += int64(s.Sign())
	}
	// A multiple of both the denominator and 2k-2, with room for lags of 2^7.
	thresholds := max(2*holders-2, 2)
	slack = max((1<<(resolution+7))/(common*thresholds), 1) * common
	whole = slack * thresholds

	rest, largest := whole, 0
	for i, s := range shares {
		parts = append(parts, fraction(s, whole))
		rest -= parts[i]
		if parts[i] > parts[largest] {
			largest = i
		}
	}
	parts[largest] += rest // of rounding; 0 when shares are exact
	return parts, whole, slack
}

// commonDenominator of shares, at most 1<<resolution.
func commonDenominator(shares []*big.Rat) int64 {
	common := big.NewInt(1)
	for _, s := range shares {
		gcd := new(big.Int).GCD(nil, nil, common, s.Denom())
		common.Mul(common, gcd.Div(s.Denom(), gcd))
		if common.BitLen() > resolution {
			return 1 << resolution
		}
	}
	return common.Int64()
}

// fraction is share in fractions of whole, at least 1 unless share is 0.
func fraction(share *big.Rat, whole int64) int64 {
	n := new(big.Int).Mul(share.Num(), big.NewInt(whole))
	n.Div(n, share.Denom())
	if n.Sign() == 0 && share.Sign() > 0 {
		return 1
	}
	return n.Int64()
}
