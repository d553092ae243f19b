// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
)

// TestASurveyHoldsNothingUp: a loop looks at some of its connections, and then reads
// its mail again.
func TestASurveyHoldsNothingUp(t *testing.T) {
	l, err := newLoop(&Driver{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	counted := metrics.New(nil)
	here, elsewhere := counted.Accept("tcp/1", "ns/r", "a"), counted.Accept("tcp/1", "ns/r", "b")
	l.now = time.Hour
	const conns = 3*surveyed + 100
	for i := range conns {
		c := l.slab.take()
		c.phase, c.arm, c.id = relaying, elsewhere, uint64(i)
		if i%3 == 0 {
			c.arm, c.last = here, time.Duration(i) // the first is quiet longest
		}
		if i%6 == 0 {
			c.phase = dialling
		}
	}
	done := make(chan *survey, 1)
	s := &survey{loop: l, arms: []*metrics.Arm{here}, done: done, found: migration.NewShortlist[resident](5, true)}
	s.proceed()
	turns := 1
	for ; len(done) == 0; turns++ {
		for _, m := range l.mail.take() {
			l.read(m)
		}
	}
	if turns != 4 {
		t.Errorf("%d connections are looked at in %d turns, want 4", conns, turns)
	}
	for i, c := range s.found.Take() {
		if got, want := c.id, uint64(3+6*i); got != want {
			t.Errorf("number %d of the quietest is %d, want %d", i, got, want)
		}
	}
}

// BenchmarkSurvey is a look at all of 100,000 connections, half of them of the arm.
func BenchmarkSurvey(b *testing.B) {
	l, err := newLoop(&Driver{}, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer l.close()
	counted := metrics.New(nil)
	arms := []*metrics.Arm{counted.Accept("tcp/1", "ns/r", "a"), counted.Accept("tcp/1", "ns/r", "b")}
	for i := range 100_000 {
		c := l.slab.take()
		c.phase, c.arm, c.last = relaying, arms[i%2], time.Duration(i*7919%100_000)
	}
	done := make(chan *survey, 1)
	for b.Loop() {
		s := &survey{loop: l, arms: arms[:1], done: done, found: migration.NewShortlist[resident](100, true)}
		for s.proceed(); len(done) == 0; {
			for _, m := range l.mail.take() {
				l.read(m)
			}
		}
		<-done
	}
}
