// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"time"

	"github.com/wye-dev/wye/proxy/guard"
	"github.com/wye-dev/wye/proxy/plan"
)

// pace keeps a connection at the bytes per second of its route: what may be read of
// each side. nil: as many as there are.
type pace struct {
	bucket [2]guard.Bucket // by the side that bytes come from
	rests  [2]bool         // that side is not read until its bucket has room
}

// paceOf is the pace for a connection of a route.
func paceOf(r *plan.Route) *pace {
	if r.BytesPerSecond == 0 {
		return nil
	}
	b := guard.NewBucket(r.BytesPerSecond)
	return &pace{bucket: [2]guard.Bucket{b, b}}
}

// resting tells whether a side may not be read now. Then an alarm is set for when it may.
func (l *loop) resting(c *conn, from side) bool {
	b := &c.pace.bucket[from]
	if b.Room(l.now) > 0 {
		return false
	}
	c.pace.rests[from] = true
	if next := b.When(); c.timer.slot == none || next < time.Duration(c.timer.at)*tick {
		l.alarm(c, next)
	}
	return true
}

// most is how much of n bytes may be read of a side now.
func (p *pace) most(from side, now time.Duration, n int) int {
	if p == nil {
		return n
	}
	return min(n, p.bucket[from].Room(now))
}

// spend notes what was read of a side.
func (p *pace) spend(from side, n int) {
	if p != nil && n > 0 {
		p.bucket[from].Spend(n)
	}
}

// rouse goes on with the sides of c that have room again.
func (l *loop) rouse(c *conn) {
	for from := range c.sock {
		from := side(from)
		if c.phase == relaying && c.pace.rests[from] && l.now >= c.pace.bucket[from].When() {
			c.pace.rests[from] = false
			l.pump(c, from)
		}
	}
}

// next is the first time at which a side that rests has room, if it is before by.
func (p *pace) next(by time.Duration) time.Duration {
	if p == nil {
		return by
	}
	for from := range p.bucket {
		if p.rests[from] {
			by = min(by, p.bucket[from].When())
		}
	}
	return by
}
