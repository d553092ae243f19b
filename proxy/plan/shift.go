// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/router"
)

// Migration says how the connections of arms that get no new ones are ended.
type Migration struct {
	PerSecond float64 // of a route, by this proxy; 0: as the deadline says
	IdleFirst bool    // those that are quiet longest go first
	// Deadline of an arm, since it lost its share, by which all are ended: what PerSecond
	// leaves, or without it one after the other until then. 0: none; without PerSecond
	// either, all are ended at once.
	Deadline time.Duration
}

// Stale tells whether the connections of an arm are to be migrated: the route has it
// done, and gives the arm no new ones, or does not have it any more.
func (p *Plan) Stale(route, arm string) bool {
	r := p.Routes[route]
	return r != nil && r.Migration != nil && arm != "" && !r.Chooser.Has(arm)
}

// split makes the chooser of a splitting.
func split(s pushv1.Splitting, shares router.Shares) (*router.Chooser, error) {
	switch s {
	case pushv1.Splitting_SPLITTING_UNSPECIFIED, pushv1.Splitting_SPLITTING_EXACT:
		return router.NewChooser(shares), nil
	case pushv1.Splitting_SPLITTING_STICKY:
		return router.NewSticky(shares), nil
	default:
		return nil, fmt.Errorf("splitting is %d, which this version does not know", s)
	}
}

// migration reads a migration; nil: connections stay.
func migration(m *pushv1.Migration) (*Migration, error) {
	if m == nil {
		return nil, nil
	}
	if rate := m.GetPerSecond(); math.IsNaN(rate) || math.IsInf(rate, 0) || rate < 0 {
		return nil, fmt.Errorf("migration of %v connections per second is not a finite number of at least 0", rate)
	}
	deadline, err := duration("migration deadline", m.GetDeadline(), 0)
	if err != nil {
		return nil, err
	}
	return &Migration{PerSecond: m.GetPerSecond(), IdleFirst: m.GetIdleFirst(), Deadline: deadline}, nil
}

// migrating is the route with a migration; the same if it has that.
func (r *Route) migrating(m *Migration) *Route {
	if r.Migration == m || r.Migration != nil && m != nil && *r.Migration == *m {
		return r
	}
	next := *r
	next.Migration = m
	return &next
}
