// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math"
	"time"
)

// piece is the part of a second's worth that is waited for when a Bucket is empty,
// so that what is slow is not also moved byte by byte.
const piece = time.Second / 16

// Bucket lets so many bytes through in a second, after a second's worth at once. It
// belongs to one thread. As a Rate, it is kept as the time at which it is full.
type Bucket struct {
	rate float64 // bytes in a second
	full time.Duration
}

// NewBucket makes a full Bucket. The rate must be above 0.
func NewBucket(bytesPerSecond uint64) Bucket { return Bucket{rate: float64(bytesPerSecond)} }

// Room is how many bytes may be moved now: 0, or what is worth it. now is the time on
// a clock that never goes back.
func (b *Bucket) Room(now time.Duration) int {
	b.full = max(b.full, now)
	if now < b.When() {
		return 0
	}
	room := b.rate * (time.Second - (b.full - now)).Seconds()
	return int(min(room+rounding, math.MaxInt32))
}

// rounding is far above what is lost in calculating, and far below a byte.
const rounding = 1e-3

// When is the time from which there is room.
func (b *Bucket) When() time.Duration {
	least := max(piece, time.Duration(math.Ceil(float64(time.Second)/b.rate))) // for a byte at least
	return b.full - time.Second + least
}

// Spend notes that bytes were moved, of the room that there was.
func (b *Bucket) Spend(n int) { b.full += time.Duration(float64(n) / b.rate * float64(time.Second)) }
