// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package migration

import (
	"time"

	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
)

// hiccup is the longest time between two looks that is made up for: what a process
// that was stopped has missed is not ended in one go.
const hiccup = 2 * time.Second

// move is how far the migration of a route is.
type move struct {
	last time.Time // when it was looked at
	all  *meter    // of all arms together
	arms map[*metrics.Arm]*leaving
}

// leaving is an arm whose connections are to end.
type leaving struct {
	since time.Time
	meter *meter
}

// part is how many connections of some arms are to end now, at most.
type part struct {
	arms []*metrics.Arm
	most int
}

// parts says what is to end now, since the last time: of each arm that is past its
// deadline everything; of the others together what the rate allows, or without one of
// each so many that all have ended at its deadline.
func (m *move) parts(how *plan.Migration, arms []*metrics.Arm, now time.Time, random func() float64) []part {
	passed := min(now.Sub(m.last), hiccup)
	var parts []part
	var rest []*metrics.Arm
	known := make(map[*metrics.Arm]*leaving, len(arms))
	for _, arm := range arms {
		l := m.arms[arm]
		if l == nil {
			l = &leaving{since: now, meter: newMeter(random)}
		}
		known[arm] = l
		left := l.since.Add(how.Deadline).Sub(now)
		switch {
		case how.Deadline > 0 && left <= 0, how.Deadline == 0 && how.PerSecond == 0:
			parts = append(parts, part{[]*metrics.Arm{arm}, atOnce})
		case how.PerSecond > 0:
			rest = append(rest, arm)
		default:
			due := float64(arm.Active()) * passed.Seconds() / (left + passed).Seconds()
			parts = append(parts, part{[]*metrics.Arm{arm}, l.meter.advance(due)})
		}
	}
	m.arms = known
	if len(rest) > 0 {
		parts = append(parts, part{rest, m.all.advance(how.PerSecond * passed.Seconds())})
	}
	return parts
}

// meter turns an amount that grows into events: the first at a random moment while it
// grows from 0 to 1, the second while it grows from 1 to 2, and so on. So there are
// never more events than the amount rounded up, nor fewer than it rounded down, and
// proxies that begin at the same time do not keep in step.
type meter struct {
	amount float64
	events float64
	next   float64 // amount of the next event
	random func() float64
}

func newMeter(random func() float64) *meter {
	m := &meter{random: random}
	m.schedule()
	return m
}

func (m *meter) schedule() {
	// Never at the very beginning, so that nothing has grown means no event.
	m.next = m.events + 1 - m.random()
}

// advance tells how many events there are while the amount grows by more.
func (m *meter) advance(more float64) (n int) {
	m.amount += more
	for m.amount >= m.next {
		m.events++
		m.schedule()
		n++
	}
	return n
}
