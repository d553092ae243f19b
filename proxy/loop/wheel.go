// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import "time"

// A timer wheel: each connection may wait for one moment, told to within tick.
// Setting and clearing takes the same short time however many there are. Moments
// within a revolution of near (a minute) are in near, those beyond it in far (for
// up to five hours; later ones are looked at again then), whose slots are dealt
// out over near when their time comes.
const (
	tick      = 16 * time.Millisecond
	nearSlots = 4096
	farSlots  = 256
	none      = int32(-1)
)

type wheel struct {
	tick  int64 // up to which it has been advanced
	armed int   // moments in it
	slots [nearSlots + farSlots]int32
}

// timer is a connection's place in the wheel.
type timer struct {
	at         int64 // tick
	next, prev int32 // connections in the same slot; none at the ends
	slot       int32 // none: not in the wheel
}

func (w *wheel) init() {
	for i := range w.slots {
		w.slots[i] = none
	}
}

// alarm has c woken at the time at, and not at any other that was set before.
func (l *loop) alarm(c *conn, at time.Duration) {
	l.disarm(c)
	c.timer.at = max(int64((at+tick-1)/tick), l.wheel.tick+1)
	l.wheel.armed++
	l.place(c)
}

func (l *loop) place(c *conn) {
	w, t := &l.wheel, &c.timer
	if ahead := t.at - w.tick; ahead < nearSlots {
		t.slot = int32(t.at % nearSlots)
	} else {
		turns := min(t.at/nearSlots, w.tick/nearSlots+farSlots-1)
		t.slot = nearSlots + int32(turns%farSlots)
	}
	t.prev, t.next = none, w.slots[t.slot]
	if t.next != none {
		l.slab.at(t.next).timer.prev = c.index
	}
	w.slots[t.slot] = c.index
}

func (l *loop) disarm(c *conn) {
	t := &c.timer
	if t.slot == none {
		return
	}
	if t.prev == none {
		l.wheel.slots[t.slot] = t.next
	} else {
		l.slab.at(t.prev).timer.next = t.next
	}
	if t.next != none {
		l.slab.at(t.next).timer.prev = t.prev
	}
	t.slot = none
	l.wheel.armed--
}

// expire wakes the connections whose moment has come.
func (l *loop) expire() {
	w := &l.wheel
	now := int64(l.now / tick)
	if w.armed == 0 {
		w.tick = max(w.tick, now)
		return
	}
	for w.tick < now {
		w.tick++
		if w.tick%nearSlots == 0 {
			l.deal(nearSlots + int32(w.tick/nearSlots%farSlots))
		}
		slot := int32(w.tick % nearSlots)
		for w.slots[slot] != none {
			c := l.slab.at(w.slots[slot])
			l.disarm(c)
			l.alarmed(c)
		}
	}
}

// deal puts the connections of a far slot where they belong now.
func (l *loop) deal(slot int32) {
	i := l.wheel.slots[slot]
	l.wheel.slots[slot] = none
	for i != none {
		c := l.slab.at(i)
		i = c.timer.next
		l.place(c)
	}
}

// next is the time from now until there may be something to do; an hour at most.
func (w *wheel) next(now time.Duration) time.Duration {
	if w.armed == 0 {
		return time.Hour
	}
	for t := w.tick + 1; ; t++ {
		if w.slots[t%nearSlots] != none || t%nearSlots == 0 {
			return time.Duration(t)*tick - now
		}
	}
}
