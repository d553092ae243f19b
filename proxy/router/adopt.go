// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package router

// Adopt carries the lags of old over to c, by the names of the arms, so that
// what an arm was owed before a change of weights it is still owed afterwards.
// It is called once, when c takes old's place. Connections that old deals out
// after that are not accounted for.
//
// An arm that old does not have, or that had no share, starts with no lag. An
// arm that leaves, or whose share falls to 0, takes its lag with it; where that
// would leave more owed than was received, or the reverse, the larger side is
// scaled down to the smaller. No lag grows by this.
func (c *Chooser) Adopt(old *Chooser) {
	if old == nil || old == c {
		return
	}
	carried := old.carry()
	lags := make([]float64, len(c.parts)) // in connections
	var owed, ahead float64
	for i, part := range c.parts {
		if part == 0 {
			continue
		}
		lags[i] = carried[c.name(i)]
		owed += max(lags[i], 0)
		ahead -= min(lags[i], 0)
	}
	even := min(owed, ahead)
	for i, lag := range lags {
		switch {
		case lag > 0:
			lags[i] = lag * even / owed
		case lag < 0:
			lags[i] = lag * even / ahead
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(lags)
}

// carry returns the lags by name, in connections.
func (c *Chooser) carry() map[string]float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	lags := make(map[string]float64, len(c.lags))
	for i, lag := range c.lags {
		lags[c.name(i)] = float64(lag) / float64(c.whole)
	}
	return lags
}

// settle sets the lags, whose sum is 0 but for rounding, so that it is 0
// exactly. c.mu is held.
func (c *Chooser) settle(lags []float64) {
	var sum int64
	least, most := 0, 0
	for i, lag := range lags {
		c.lags[i] = int64(lag * float64(c.whole))
		sum += c.lags[i]
		if c.lags[i] < c.lags[least] {
			least = i
		}
		if c.lags[i] > c.lags[most] {
			most = i
		}
	}
	// Towards 0, so that no bound is passed.
	if sum > 0 {
		c.lags[most] -= sum
	} else {
		c.lags[least] -= sum
	}
}

// name of a part. No arm has the name of Nowhere.
func (c *Chooser) name(part int) string {
	if part == len(c.arms) {
		return ""
	}
	return c.arms[part].Arm
}
