// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"math/rand/v2"
	"testing"
	"time"
)

// wheelOf is a loop that has a wheel and nothing else.
func wheelOf() *loop {
	l := &loop{}
	l.wheel.init()
	return l
}

// advance is what run does as time goes by: it looks when the wheel says so.
func (l *loop) advance(to time.Duration) (looks int) {
	for l.now < to {
		l.now = min(to, l.now+max(tick, l.wheel.next(l.now)))
		l.expire()
		looks++
	}
	return looks
}

func armed(c *conn) bool { return c.timer.slot != none }

func TestAlarmsComeNeitherSoonerNorMuchLater(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		l := wheelOf()
		l.advance(time.Duration(random.Int64N(int64(100 * time.Hour))))
		type moment struct {
			c  *conn
			at time.Duration
		}
		var all []moment
		for _, most := range []time.Duration{time.Second, 2 * time.Minute, 3 * time.Hour, 20 * time.Hour} {
			for range 50 {
				m := moment{l.slab.take(), l.now + time.Duration(random.Int64N(int64(most)))}
				l.alarm(m.c, m.at)
				all = append(all, m)
			}
		}
		for range 200 {
			m := all[random.IntN(len(all))]
			for _, look := range []struct {
				at   time.Duration
				want bool
			}{{m.at - 1, true}, {m.at + 2*tick, false}} {
				if look.at < l.now {
					continue
				}
				l.advance(look.at)
				if armed(m.c) != look.want {
					t.Fatalf("at %s, armed is %t for an alarm at %s", l.now, armed(m.c), m.at)
				}
			}
		}
	}
}

func TestAnAlarmThatIsSetAnewCountsOnce(t *testing.T) {
	l := wheelOf()
	c, other := l.slab.take(), l.slab.take()
	l.alarm(other, time.Minute)
	l.alarm(c, time.Minute)
	l.alarm(c, time.Hour)
	l.advance(2 * time.Minute)
	if !armed(c) || armed(other) || l.wheel.armed != 1 {
		t.Errorf("armed: %t and %t, %d in the wheel; want the one that was put off", armed(c), armed(other), l.wheel.armed)
	}
	l.disarm(c)
	l.disarm(c)
	if armed(c) || l.wheel.armed != 0 || l.wheel.next(l.now) != time.Hour {
		t.Error("it was taken out, and is still there")
	}
}

// TestAQuietWheelLetsTheLoopSleep: an hour of idle time-outs costs a look a minute.
func TestAQuietWheelLetsTheLoopSleep(t *testing.T) {
	l := wheelOf()
	for range 1000 {
		l.alarm(l.slab.take(), time.Hour)
	}
	if looks := l.advance(59 * time.Minute); looks > 120 {
		t.Errorf("looked %d times in 59 minutes", looks)
	}
}

func BenchmarkAlarm(b *testing.B) {
	l := wheelOf()
	var conns []*conn
	for range 10_000 {
		conns = append(conns, l.slab.take())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.alarm(conns[i%len(conns)], time.Duration(i%7200)*time.Second)
	}
}
