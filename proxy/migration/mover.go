// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package migration ends established connections of arms that get no new ones, where
// the route says so: so many per second, or one after the other until a deadline. It
// decides how many end, and when; a data plane knows them, and ends them. Connections
// of other arms are never touched, and an arm that has a share again is left alone.
package migration

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
)

const (
	// step is the time between two looks while connections are to be ended.
	step = 100 * time.Millisecond
	// pause is the time between two looks while there are none, though there may be.
	pause = time.Second
	// share of the time that looking may take: a tenth.
	share = 10
	// atOnce is how many are ended in one step of those that are all to be ended.
	atOnce = 4096
)

// Connections are those of a data plane.
type Connections interface {
	// Established lists connections of those arms that are being relayed, at most so
	// many: those that have been quiet longest, or else any. It holds nothing up, and
	// may take a while with many connections. It is not called any more when the data
	// plane drains.
	Established(arms []*metrics.Arm, most int, quietest bool) []Connection
}

// Connection is one that is being relayed.
type Connection interface {
	// Migrate ends it as a drain would, unless it has ended by itself or its arm has a
	// share again.
	Migrate()
}

// Mover ends connections as plans say.
type Mover struct {
	metrics *metrics.Metrics
	conns   Connections
	random  func() float64 // from 0 to below 1
	changed chan struct{}  // has a value when there is a plan that Run has not seen

	mu   sync.Mutex
	plan *plan.Plan // guarded by mu: the one in force

	moves map[string]*move // route -> how far it is; Tick's own
}

// New makes a Mover that has no plan yet. Its metrics are those that the connections
// count in. random draws from 0 to below 1; nil: from everywhere.
func New(m *metrics.Metrics, conns Connections, random func() float64) *Mover {
	if random == nil {
		random = rand.Float64
	}
	return &Mover{
		metrics: m, conns: conns, random: random, changed: make(chan struct{}, 1),
		plan: &plan.Plan{}, moves: map[string]*move{},
	}
}

// Follow takes the plan in force, after the metrics have.
func (m *Mover) Follow(p *plan.Plan) {
	m.mu.Lock()
	m.plan = p
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Run ends connections until ctx ends. Without a route that asks for it, it sleeps.
func (m *Mover) Run(ctx context.Context) {
	for {
		began := time.Now()
		again := m.Tick(began)
		if took := time.Since(began); again > 0 {
			again = max(again, share*took)
		}
		if !m.sleep(ctx, again) {
			return
		}
	}
}

// sleep returns when the time is over (0: never) or the plan is another. It is false
// when ctx has ended.
func (m *Mover) sleep(ctx context.Context, d time.Duration) bool {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-over:
	case <-m.changed:
	}
	return true
}

// Tick ends the connections whose time has come. again is when to call it again: 0 for
// not before the plan is another. It takes one caller at a time.
func (m *Mover) Tick(now time.Time) (again time.Duration) {
	m.mu.Lock()
	p := m.plan
	m.mu.Unlock()
	stale := map[string][]*metrics.Arm{} // route -> arms with connections
	for _, arm := range m.metrics.Stale() {
		stale[arm.Route()] = append(stale[arm.Route()], arm)
	}
	for name := range m.moves {
		if len(stale[name]) == 0 {
			delete(m.moves, name)
		}
	}
	for name, route := range p.Routes {
		if route.Migration == nil {
			continue
		}
		again = max(again, pause)
		if arms := stale[name]; len(arms) > 0 {
			m.move(name, route.Migration, arms, now)
		}
	}
	if len(m.moves) > 0 {
		again = step
	}
	return again
}

// move ends the connections of a route whose time has come.
func (m *Mover) move(route string, how *plan.Migration, arms []*metrics.Arm, now time.Time) {
	mv := m.moves[route]
	if mv == nil {
		mv = &move{last: now, all: newMeter(m.random), arms: map[*metrics.Arm]*leaving{}}
		m.moves[route] = mv
	}
	for _, part := range mv.parts(how, arms, now, m.random) {
		if part.most == 0 {
			continue
		}
		for _, c := range m.conns.Established(part.arms, part.most, how.IdleFirst) {
			c.Migrate()
		}
	}
	mv.last = now
}
