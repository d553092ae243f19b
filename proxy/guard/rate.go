// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"sync/atomic"
	"time"
)

// Rate lets so many through in a second, after a second's worth at once. It may be
// used from several threads. The zero Rate lets everybody through.
//
// It is a token bucket, kept as the time at which it will be full again: each who is
// let through puts that off by his share of a second.
type Rate struct {
	most uint32
	full atomic.Int64 // nanoseconds of the clock that Take is told
}

// NewRate makes a Rate of so many per second. 0: everybody.
func NewRate(perSecond uint32) *Rate { return &Rate{most: perSecond} }

// share is the part of a second that one takes.
func (r *Rate) share() int64 { return int64(time.Second) / int64(r.most) }

// Take lets one through at a time, or says how long it is until one may be let
// through. now is the time on a clock that never goes back.
func (r *Rate) Take(now time.Duration) (wait time.Duration) {
	if r.most == 0 {
		return 0
	}
	for {
		before := r.full.Load()
		full := max(before, int64(now)) + r.share()
		if wait = time.Duration(full) - now - time.Second; wait > 0 {
			return wait
		}
		if r.full.CompareAndSwap(before, full) {
			return 0
		}
	}
}

// Return gives back what was taken for one who did not come.
func (r *Rate) Return() {
	if r.most > 0 {
		r.full.Add(-r.share())
	}
}
