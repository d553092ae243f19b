// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// model is the rules for one endpoint, written down plainly.
type model struct {
	Accrual
	out              bool
	failures, closes int       // in a row, while it is in
	level            int       // penalties in a row before this one
	until            time.Time // of the penalty
	probing          bool      // a probe is on its way or, where early closes count, on trial
	lost             time.Time // when the probe is given up, or has passed
	trial            bool      // the probe is connected
}

func (m *model) admit(now time.Time) (ok, probe bool) {
	switch {
	case !m.out:
		return true, false
	case m.trial && !now.Before(m.lost):
		m.readmit()
		return true, false
	case m.probing:
		return !now.Before(m.lost), !now.Before(m.lost)
	default:
		return !now.Before(m.until), !now.Before(m.until)
	}
}

func (m *model) readmit() { *m = model{Accrual: m.Accrual} }

func (m *model) punish(level int, now time.Time, penalty time.Duration) {
	*m = model{Accrual: m.Accrual, out: true, level: level, until: now.Add(penalty)}
}

// failed says whether a penalty begins.
func (m *model) failed(l *Lease, count *int) (level int, punished bool) {
	switch {
	case m.out:
		return m.level + 1, m.probing && l.probe
	default:
		*count++
		return 0, *count >= m.Failures
	}
}

func (m *model) reached(l *Lease, now time.Time) {
	switch {
	case !m.out:
		m.failures = 0
	case m.EarlyClose == 0:
		m.readmit()
	case m.probing && l.probe && !m.trial:
		m.trial, m.lost = true, now.Add(m.EarlyClose)
	}
}

func (m *model) proved() {
	if m.EarlyClose == 0 {
		return
	}
	if m.closes = 0; m.out {
		m.readmit()
	}
}

// held is a connection of the test.
type held struct {
	lease   Lease
	reached time.Time
}

func TestAnEndpointIsTakenOutAndProbedByTheRules(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { againstTheModel(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func againstTheModel(t *testing.T, random *rand.Rand) {
	a := Accrual{Failures: 1 + random.IntN(5), MinPenalty: time.Second, MaxPenalty: 10 * time.Second}
	if random.IntN(2) == 0 {
		a.EarlyClose = 500 * time.Millisecond
	}
	m := &model{Accrual: a}
	var told int
	p := guardedPool(1, Guard{Accrual: a, Tell: func(e Event) {
		if told++; e.Out != (told%2 == 1) {
			t.Errorf("event %d is %+v", told, e)
		}
	}})
	e := p.all.endpoints[0]
	now := time.Unix(1_000_000_000, 0)
	var all []*held
	end := func(i int) { all = append(all[:i], all[i+1:]...) }
	for step := range 400 {
		switch op := random.IntN(8); {
		case op == 0:
			now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond)
		case op <= 3:
			lease, ok := p.hold(e, now, true)
			wantOK, wantProbe := m.admit(now)
			if ok != wantOK || lease.probe != wantProbe {
				t.Fatalf("step %d: admitted %v as probe %v, want %v, %v (%+v)", step, ok, lease.probe, wantOK, wantProbe, m)
			}
			if ok {
				h := &held{lease: lease}
				all = append(all, h)
				if wantProbe {
					m.probing, m.trial, m.lost = true, false, now.Add(probeTime)
				}
			}
		case len(all) == 0:
		default:
			i := random.IntN(len(all))
			h := all[i]
			l := &h.lease
			switch act := random.IntN(4); {
			case h.reached.IsZero() && act <= 1:
				level, punished := m.failed(l, &m.failures)
				l.Failed(now)
				check(t, m, e, level, punished, now)
				l.Release()
				end(i)
			case h.reached.IsZero() && act == 2:
				m.reached(l, now)
				l.Reached(now)
				l.Opened()
				h.reached = now
			case h.reached.IsZero():
				if m.probing && !m.trial && l.probe {
					m.probing, m.until = false, time.Time{}
				}
				l.Release()
				end(i)
			case act <= 1:
				after := now.Sub(h.reached)
				if after <= a.EarlyClose && a.EarlyClose > 0 {
					level, punished := m.failed(l, &m.closes)
					l.Dropped(after, now)
					check(t, m, e, level, punished, now)
				} else {
					l.Dropped(after, now)
				}
				l.Release()
				end(i)
			case act == 2:
				m.proved()
				l.Proved()
			}
		}
		if fit := p.fit() == 1; fit == m.out {
			t.Fatalf("step %d: fit %v, want the opposite", step, fit)
		}
	}
}

// check takes the penalty into the model, if it is in the bounds.
func check(t *testing.T, m *model, e *Endpoint, level int, punished bool, now time.Time) {
	t.Helper()
	if !punished {
		return
	}
	want := min(m.MinPenalty<<level, m.MaxPenalty)
	got := time.UnixMilli(e.verdict().until()).Sub(now)
	if slack := time.Millisecond; got < want*4/5-slack || got > want*6/5+slack || e.verdict().level() != level {
		t.Fatalf("penalty %s at level %d, want about %s at %d", got, e.verdict().level(), want, level)
	}
	m.punish(level, now, got)
}

// guardedPool has n endpoints at 127.0.0.1, ports 1, 2, 3 and so on.
func guardedPool(n int, g Guard) *Pool {
	var targets []Target
	for i := range n {
		targets = append(targets, Target{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(i+1)), Weight: 1})
	}
	return NewPool(Form{Name: "p", Targets: targets, Guard: g}, nil)
}

func usual() Guard {
	return Guard{Accrual: Accrual{Failures: 1, MinPenalty: time.Second, MaxPenalty: time.Minute}, Panic: 50}
}

// fail has the endpoint of p fail once.
func (p *Pool) fail(i int, now time.Time) {
	lease := Lease{endpoint: p.all.endpoints[i]}
	lease.Failed(now)
}

// picked counts who is picked by n connections that end at once.
func picked(t *testing.T, p *Pool, n int, now time.Time) map[*Endpoint]int {
	t.Helper()
	counts := map[*Endpoint]int{}
	for range n {
		lease, ok := p.Pick(Ask{Now: now})
		if !ok {
			t.Fatal("nobody is picked")
		}
		counts[lease.Endpoint()]++
		lease.Release()
	}
	return counts
}

func TestNobodyIsSentToAnEndpointThatIsOutUnlessTooFewAreLeft(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	for _, test := range []struct {
		n, out, panic int
		used          bool // those that are out are used
	}{
		{2, 1, 50, false},
		{3, 1, 50, false},
		{3, 2, 50, true},
		{4, 2, 50, false},
		{10, 5, 50, false},
		{10, 6, 50, true},
		{1, 1, 50, true},
		{1, 1, 0, true},
		{5, 5, 0, true},
		{5, 4, 0, false},
		{5, 1, 100, true},
	} {
		g := usual()
		g.Panic = test.panic
		p := guardedPool(test.n, g)
		for i := range test.out {
			p.fail(i, now)
		}
		counts := picked(t, p, 400, now)
		for i, e := range p.all.endpoints {
			if used := counts[e] > 0; used != (i >= test.out || test.used) {
				t.Errorf("%+v: endpoint %d has %d of 400 connections", test, i, counts[e])
			}
		}
	}
}

func TestOnlyOneConnectionProbes(t *testing.T) {
	p := guardedPool(3, usual())
	now := time.Unix(1_000_000_000, 0)
	p.fail(0, now)
	now = now.Add(time.Hour)
	var probes atomic.Int32
	var threads sync.WaitGroup
	for range 8 {
		threads.Go(func() {
			for range 200 {
				if lease, _ := p.Pick(Ask{Now: now}); lease.Endpoint() == p.all.endpoints[0] { // held, and never said how it went
					probes.Add(1)
				} else {
					lease.Release()
				}
			}
		})
	}
	threads.Wait()
	if n := probes.Load(); n != 1 {
		t.Errorf("%d connections went to the endpoint that was out", n)
	}
	if !p.available(p.all.endpoints[0], now.Add(probeTime), true) {
		t.Error("nobody probes after a probe that was lost")
	}
}

func TestWhoHasTriedAllOthersMayTryThoseThatAreOut(t *testing.T) {
	p := guardedPool(2, usual())
	now := time.Unix(1_000_000_000, 0)
	p.fail(0, now)
	lease, ok := p.Pick(Ask{Tried: []*Endpoint{p.all.endpoints[1]}, Now: now})
	if !ok || lease.Endpoint() != p.all.endpoints[0] || lease.probe {
		t.Fatalf("got %v, %v", lease.Endpoint(), ok)
	}
	// It went well, so the endpoint is back.
	lease.Reached(now)
	if c := p.Census(); c.Available != 2 {
		t.Errorf("%+v", c)
	}
}

func TestTheVerdictOutlivesChangesOfThePool(t *testing.T) {
	p := guardedPool(4, usual())
	now := time.Unix(1_000_000_000, 0)
	p.fail(0, now)
	next := NewPool(Form{Name: "p", Targets: p.targets, Guard: usual()}, p)
	if c := next.Census(); c.Ejected != 1 || next.fit() != 3 {
		t.Errorf("%+v, %d fit", c, next.fit())
	}
	// What happens in the one shows in the other, while both are in use.
	p.fail(1, now)
	if next.fit() != 2 || p.fit() != 2 {
		t.Errorf("%d and %d are fit, want 2", p.fit(), next.fit())
	}
	if ejected, _ := next.Ejections(Connect); ejected != 2 {
		t.Errorf("%d ejections", ejected)
	}
	// Without accrual all are in.
	last := NewPool(Form{Name: "p", Targets: p.targets}, next)
	if c := last.Census(); c.Available != 4 {
		t.Errorf("%+v", c)
	}
}

func TestAClockThatIsSetBackEndsAPenalty(t *testing.T) {
	p := guardedPool(2, usual())
	now := time.Unix(1_000_000_000, 0)
	p.fail(0, now)
	if counts := picked(t, p, 100, now.Add(-24*time.Hour)); counts[p.all.endpoints[0]] == 0 {
		t.Error("it is out for a day")
	}
}

func TestAnEndpointThatChecksFindSickIsOutUntilTheyFindItWell(t *testing.T) {
	p := guardedPool(2, usual())
	now := time.Unix(1_000_000_000, 0)
	p.all.endpoints[0].Checked(false, now)
	p.all.endpoints[0].Checked(false, now)
	if counts := picked(t, p, 100, now.Add(time.Hour)); counts[p.all.endpoints[0]] > 0 {
		t.Error("it is used")
	}
	if c := p.Census(); c.Unhealthy != 1 || c.Available != 1 {
		t.Errorf("%+v", c)
	}
	p.all.endpoints[0].Checked(true, now)
	if counts := picked(t, p, 100, now); counts[p.all.endpoints[0]] == 0 {
		t.Error("it is not used again")
	}
	if ejected, readmitted := p.Ejections(Check); ejected != 1 || readmitted != 1 {
		t.Errorf("%d ejections, %d readmissions", ejected, readmitted)
	}
}

func TestAnEndpointHasNoMoreConnectionsThanItMay(t *testing.T) {
	p := guardedPool(3, Guard{MaxConnections: 5})
	now := time.Unix(1_000_000_000, 0)
	var threads sync.WaitGroup
	var got, most atomic.Int64
	for range 8 {
		threads.Go(func() {
			for i := range 400 {
				lease, ok := p.Pick(Ask{Now: now})
				if !ok {
					continue
				}
				lease.Opened()
				for load := lease.Endpoint().Load(); load > most.Load(); {
					most.Store(load)
				}
				if i < 390 {
					lease.Release()
				} else {
					got.Add(1)
				}
			}
		})
	}
	threads.Wait()
	for {
		if _, ok := p.Pick(Ask{Now: now}); !ok {
			break
		}
		got.Add(1)
	}
	if got.Load() != 15 {
		t.Errorf("%d connections are held, want 3 times 5", got.Load())
	}
	for _, e := range p.all.endpoints {
		if e.Load() != 5 {
			t.Errorf("an endpoint has %d", e.Load())
		}
	}
}

func TestOnlySoManyMayWait(t *testing.T) {
	p := guardedPool(1, Guard{MaxPending: 2})
	for i, want := range []bool{true, true, false} {
		if got := p.Enter(); got != want {
			t.Fatalf("number %d may wait: %v", i, got)
		}
	}
	p.Leave()
	if !p.Enter() {
		t.Error("after one has left, another one may not wait")
	}
}

func TestAGuardedPickAllocatesNothing(t *testing.T) {
	g := usual()
	g.MaxConnections, g.Accrual.EarlyClose = 10, time.Second
	p := guardedPool(5, g)
	now := time.Unix(1_000_000_000, 0)
	p.fail(0, now)
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond * 100)
		lease, _ := p.Pick(Ask{Now: now})
		lease.Reached(now)
		lease.Opened()
		lease.Proved()
		lease.Dropped(0, now)
		lease.Release()
		lease, _ = p.Pick(Ask{Now: now})
		lease.Failed(now)
		lease.Release()
	}); n != 0 {
		t.Errorf("%v allocations per pick", n)
	}
}
