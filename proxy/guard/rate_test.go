// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestARateLetsASecondsWorthThroughAndThenItsShare(t *testing.T) {
	r := NewRate(10)
	now := time.Hour // of whatever clock
	for range 10 {
		if wait := r.Take(now); wait > 0 {
			t.Fatalf("wait %s within the first second's worth", wait)
		}
	}
	if wait := r.Take(now); wait != 100*time.Millisecond {
		t.Fatalf("wait %s, want 100ms", wait)
	}
	let := 0
	for ; now < time.Hour+10*time.Second; now += 7 * time.Millisecond {
		if r.Take(now) == 0 {
			let++
		}
	}
	if let < 98 || let > 100 {
		t.Errorf("%d in ten seconds, want 100", let)
	}
	r.Take(now + 100*time.Millisecond)
	r.Return()
	if wait := r.Take(now + 100*time.Millisecond); wait != 0 {
		t.Errorf("what was given back cannot be taken: wait %s", wait)
	}
}

func TestARateOfNothingIsNone(t *testing.T) {
	r := NewRate(0)
	for range 1000 {
		if r.Take(0) != 0 {
			t.Fatal("somebody has to wait")
		}
		r.Return()
	}
}

func TestABucketKeepsItsRate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []uint64{1, 10, 1000, 64 << 10, 1 << 20, 10 << 30} {
		b := NewBucket(rate)
		now, moved := time.Minute, 0.0
		const span = 10 * time.Second
		for now < time.Minute+span {
			if room := b.Room(now); room > 0 {
				n := 1 + random.IntN(room)
				b.Spend(n)
				moved += float64(n)
				continue
			}
			if next := b.When(); next <= now {
				t.Fatalf("rate %d: no room, and none to wait for", rate)
			} else {
				now = next
			}
		}
		// A second's worth at the beginning, and at most a piece that was not waited for.
		if want := float64(rate) * 11; moved > want+1 || moved < want*0.9-2 {
			t.Errorf("rate %d: %.0f bytes in ten seconds, want %.0f", rate, moved, want)
		}
	}
}

func TestABucketThatIsLeftAloneHoldsASecondsWorth(t *testing.T) {
	b := NewBucket(1000)
	for _, now := range []time.Duration{0, time.Second, time.Hour} {
		if room := b.Room(now); room != 1000 {
			t.Errorf("at %s there is room for %d", now, room)
		}
	}
	b.Spend(1000)
	if room := b.Room(time.Hour); room != 0 {
		t.Errorf("after that, for %d", room)
	}
	if room := b.Room(time.Hour + piece); room != 62 {
		t.Errorf("and a while later for %d, want 62", room)
	}
}
