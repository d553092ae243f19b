// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package migration_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
	"github.com/wye-dev/wye/proxy/plan"
)

// world is a proxy with connections that do nothing, and a clock of its own.
type world struct {
	t       *testing.T
	metrics *metrics.Metrics
	mover   *migration.Mover
	plan    *plan.Plan
	now     time.Time
	conns   []*conn
	asked   []bool // of each look, whether it was for those that are quiet longest
}

type conn struct {
	world *world
	arm   *metrics.Arm
	quiet time.Duration
	ended bool
}

func (c *conn) Migrate() {
	if c.arm.Stale() && !c.ended {
		c.ended = true
		c.arm.Closed(flow.Migrated)
	}
}

// Established makes world a migration.Connections.
func (w *world) Established(arms []*metrics.Arm, most int, quietest bool) []migration.Connection {
	w.asked = append(w.asked, quietest)
	list := migration.NewShortlist[migration.Connection](most, quietest)
	for _, c := range w.conns {
		if !c.ended && slices.Contains(arms, c.arm) {
			list.Offer(c.quiet, c)
		}
	}
	return list.Take()
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, metrics: metrics.New(nil), now: time.Unix(1000, 0)}
	w.mover = migration.New(w.metrics, w, rand.New(rand.NewPCG(seed, seed)).Float64)
	return w
}

// follow puts a route in force.
func (w *world) follow(tree *pushv1.Tree, m *pushv1.Migration) {
	w.t.Helper()
	next, refused := plan.Build(&pushv1.Config{
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: 1}},
		Routes:    []*pushv1.Route{{Name: "ns/r", Listener: "tcp/1", Tree: tree, Migration: m}},
		Pools:     []*pushv1.Pool{{Name: "a"}, {Name: "b"}, {Name: "c"}},
	}, w.plan)
	if len(refused) > 0 {
		w.t.Fatal(refused)
	}
	w.plan = next
	w.metrics.Install(next)
	w.mover.Follow(next)
	w.mover.Tick(w.now)
}

// open opens n connections of an arm, of which the first has been quiet longest.
func (w *world) open(arm string, n int) {
	for i := range n {
		w.conns = append(w.conns, &conn{world: w, arm: w.metrics.Accept("tcp/1", "ns/r", arm), quiet: time.Duration(n-i) * time.Second})
	}
}

// pass lets the time pass in small steps, and calls f after each.
func (w *world) pass(d time.Duration, f func(passed time.Duration)) {
	const step = 100 * time.Millisecond
	for passed := step; passed <= d; passed += step {
		w.now = w.now.Add(step)
		w.mover.Tick(w.now)
		if f != nil {
			f(passed)
		}
	}
}

func (w *world) ended(arm string) int {
	n := 0
	for _, c := range w.conns {
		if c.ended && c.arm.Name() == arm {
			n++
		}
	}
	return n
}

func split(weights map[string]float64) *pushv1.Tree {
	u := &pushv1.Union{}
	for _, name := range []string{"a", "b", "c"} {
		if w, ok := weights[name]; ok {
			leaf := &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: name, Pool: name}}}
			u.Trees = append(u.Trees, &pushv1.Weighted{Weight: w, Tree: leaf})
		}
	}
	return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: u}}
}

func rate(perSecond float64) *pushv1.Migration { return &pushv1.Migration{PerSecond: perSecond} }

func until(d time.Duration) *pushv1.Migration {
	return &pushv1.Migration{Deadline: durationpb.New(d)}
}

// TestTheRateIsKeptAtEveryMoment, also below one per second, and with two arms that
// are left together; the arm that has a share is not touched.
func TestTheRateIsKeptAtEveryMoment(t *testing.T) {
	for seed, perSecond := range []float64{0.25, 1, 3.3, 10, 250} {
		w := newWorld(t, uint64(seed))
		w.open("a", 2000)
		w.open("b", 2000)
		w.open("c", 10)
		w.follow(split(map[string]float64{"b": 0, "c": 1}), rate(perSecond))
		w.pass(12*time.Second, func(passed time.Duration) {
			ended, allowed := float64(w.ended("a")+w.ended("b")), perSecond*passed.Seconds()
			if ended > math.Ceil(allowed+1e-9) || ended < math.Floor(allowed-1e-9) {
				t.Fatalf("%v per second: %v ended after %s", perSecond, ended, passed)
			}
		})
		if w.ended("c") > 0 {
			t.Errorf("%v per second: connections of an arm with a share were ended", perSecond)
		}
	}
}

// TestProxiesTogetherKeepTheRateAndNotStep: each has its part, begun at the same time.
func TestProxiesTogetherKeepTheRateAndNotStep(t *testing.T) {
	const proxies, perSecond = 20, 2.0
	var firsts []time.Duration
	total := 0
	for i := range uint64(proxies) {
		w := newWorld(t, i+1)
		w.open("a", 100)
		w.follow(split(map[string]float64{"c": 1}), rate(perSecond/proxies))
		first := time.Duration(0)
		w.pass(30*time.Second, func(passed time.Duration) {
			if first == 0 && w.ended("a") > 0 {
				first = passed
			}
		})
		firsts = append(firsts, first)
		total += w.ended("a")
	}
	if total != 60 {
		t.Errorf("%d ended in 30 s, want 60", total)
	}
	slices.Sort(firsts)
	if distinct := len(slices.Compact(firsts)); distinct < proxies/2 {
		t.Errorf("the proxies began in %d moments only", distinct)
	}
}

func TestADeadlineSpreadsTheEnds(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 300)
	w.open("c", 10)
	w.follow(split(map[string]float64{"a": 0, "c": 1}), until(30*time.Second))
	w.pass(30*time.Second, func(passed time.Duration) {
		if want, ended := 10*passed.Seconds(), float64(w.ended("a")); math.Abs(ended-want) > 2 {
			t.Fatalf("%v ended after %s, want %v", ended, passed, want)
		}
	})
	if w.ended("a") != 300 || w.ended("c") > 0 {
		t.Errorf("%d and %d ended at the deadline", w.ended("a"), w.ended("c"))
	}
}

// TestEachArmHasADeadlineOfItsOwn, since it lost its share, whatever else changes meanwhile.
func TestEachArmHasADeadlineOfItsOwn(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 100)
	w.open("b", 100)
	w.follow(split(map[string]float64{"a": 0, "b": 1, "c": 1}), until(10*time.Second))
	w.pass(5*time.Second, nil)
	w.follow(split(map[string]float64{"a": 0, "b": 0, "c": 1}), until(10*time.Second))
	w.pass(2*time.Second, nil)
	w.follow(split(map[string]float64{"c": 1}), until(10*time.Second))
	w.pass(3*time.Second, nil)
	if a, b := w.ended("a"), w.ended("b"); a != 100 || b < 40 || b > 60 {
		t.Errorf("%d and %d ended after 10 s and 5 s", a, b)
	}
	w.pass(5*time.Second, nil)
	if b := w.ended("b"); b != 100 {
		t.Errorf("%d ended at the second deadline", b)
	}
}

func TestWhatTheRateLeavesEndsAtTheDeadline(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 100)
	w.follow(split(map[string]float64{"c": 1}), &pushv1.Migration{PerSecond: 2, Deadline: durationpb.New(10 * time.Second)})
	w.pass(9900*time.Millisecond, nil)
	if ended := w.ended("a"); ended < 19 || ended > 20 {
		t.Errorf("%d ended before the deadline", ended)
	}
	w.pass(100*time.Millisecond, nil)
	if ended := w.ended("a"); ended != 100 {
		t.Errorf("%d ended at the deadline", ended)
	}
}

func TestNoRateAndNoDeadlineIsAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 100)
	w.follow(split(map[string]float64{"c": 1}), &pushv1.Migration{})
	if ended := w.ended("a"); ended != 100 {
		t.Errorf("%d ended", ended)
	}
}

func TestAShareThatComesBackStopsIt(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 100)
	shifted, back := split(map[string]float64{"a": 0, "c": 1}), split(map[string]float64{"a": 1, "c": 1})
	w.follow(shifted, until(10*time.Second))
	w.pass(5*time.Second, nil)
	w.follow(back, until(10*time.Second))
	before := w.ended("a")
	w.pass(time.Minute, nil)
	if after := w.ended("a"); after != before || before < 45 || before > 55 {
		t.Errorf("%d ended before the share came back, and %d after", before, after)
	}
	w.follow(shifted, until(10*time.Second)) // the deadline begins anew
	w.pass(5*time.Second, nil)
	if after := w.ended("a"); after < before+20 || after > before+30 {
		t.Errorf("%d of %d ended when half of the time was over", after-before, 100-before)
	}
}

func TestTheQuietestGoFirst(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 100)
	w.follow(split(map[string]float64{"c": 1}), &pushv1.Migration{PerSecond: 10, IdleFirst: true})
	w.pass(3*time.Second, nil)
	for i, c := range w.conns {
		if c.ended != (i < 30) {
			t.Fatalf("connection %d, quiet for %s: ended is %v", i, c.quiet, c.ended)
		}
	}
	if slices.Contains(w.asked, false) {
		t.Error("a look was for any connections")
	}
}

// TestAPauseIsNotMadeUpFor: a process that was stopped goes on at its rate.
func TestAPauseIsNotMadeUpFor(t *testing.T) {
	w := newWorld(t, 1)
	w.open("a", 1000)
	w.follow(split(map[string]float64{"c": 1}), rate(10))
	w.now = w.now.Add(time.Hour)
	w.mover.Tick(w.now)
	if ended := w.ended("a"); ended > 20 {
		t.Errorf("%d ended at once", ended)
	}
}

// TestNothingIsLookedForWithoutNeed: how long until the next look.
func TestNothingIsLookedForWithoutNeed(t *testing.T) {
	w := newWorld(t, 1)
	w.follow(split(map[string]float64{"a": 1, "c": 1}), nil)
	w.open("a", 3)
	again := []time.Duration{w.mover.Tick(w.now)}
	w.follow(split(map[string]float64{"a": 0, "c": 1}), nil) // they stay
	again = append(again, w.mover.Tick(w.now))
	w.follow(split(map[string]float64{"a": 0, "c": 1}), rate(1000))
	again = append(again, w.mover.Tick(w.now))
	w.pass(time.Second, nil)
	again = append(again, w.mover.Tick(w.now)) // all have ended, but the route migrates
	w.follow(split(map[string]float64{"c": 1}), nil)
	again = append(again, w.mover.Tick(w.now))
	if diff := cmp.Diff([]time.Duration{0, 0, 100 * time.Millisecond, time.Second, 0}, again); diff != "" {
		t.Error(diff)
	}
	if w.ended("a") != 3 {
		t.Errorf("%d ended", w.ended("a"))
	}
}

func TestAShortlistHasTheQuietest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	order := rng.Perm(5000)
	one, other := migration.NewShortlist[int](10, true), migration.NewShortlist[int](10, true)
	for i, quiet := range order {
		if i%2 == 0 {
			one.Offer(time.Duration(quiet), quiet)
		} else {
			other.Offer(time.Duration(quiet), quiet)
		}
	}
	one.OfferAll(other)
	want := []int{4999, 4998, 4997, 4996, 4995, 4994, 4993, 4992, 4991, 4990}
	if diff := cmp.Diff(want, one.Take()); diff != "" {
		t.Error(diff)
	}
	anyone := migration.NewShortlist[int](3, false)
	for _, quiet := range order {
		anyone.Offer(time.Duration(quiet), quiet)
	}
	if !anyone.Full() || one.Full() {
		t.Error("a list of any is full with so many, one of the quietest never is")
	}
	if diff := cmp.Diff(order[:3], anyone.Take()); diff != "" {
		t.Error(diff)
	}
}
