// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/plan"
)

// tally tells what each route's connections did since the route has the form that
// it has. It counts nothing itself: it remembers what the metrics said when the
// form came into force, and they say the rest. It is not for use by several
// goroutines at once.
type tally struct {
	metrics *metrics.Metrics
	terms   map[string]*term // route -> the time of its present form
}

// term is the time in which one form of a route is in force.
type term struct {
	route *plan.Route
	since time.Time
	// base is how many connections of each arm had reached an endpoint before. The
	// metrics forget no arm of the plan, so its count falls at most for the moment
	// in which another plan comes into service.
	base map[string]uint64 // arm -> connections
}

// install follows a plan that was just brought into service. A route whose
// endpoints alone have changed has the form that it had.
func (t *tally) install(p *plan.Plan, now time.Time) {
	terms := make(map[string]*term, len(p.Routes))
	var begun []*term
	for name, route := range p.Routes {
		before := t.terms[name]
		if before != nil && before.route.Chooser == route.Chooser && before.route.Listener == route.Listener {
			terms[name] = &term{route: route, since: before.since, base: before.base}
			continue
		}
		terms[name] = &term{route: route, since: now, base: map[string]uint64{}}
		begun = append(begun, terms[name])
	}
	t.terms = terms
	if len(begun) == 0 {
		return
	}
	readings := t.read()
	for _, b := range begun {
		for _, r := range readings[b.route.Name] {
			if r.Listener == b.route.Listener {
				b.base[r.Arm] = r.Connected
			}
		}
	}
}

// report says what the named routes' connections did. Routes that the plan does
// not have are left out.
func (t *tally) report(names []string) []*pushv1.RouteReport {
	var reports []*pushv1.RouteReport
	readings := t.read()
	for _, name := range names {
		if term := t.terms[name]; term != nil {
			reports = append(reports, term.report(readings[name]))
		}
	}
	return reports
}

// read sorts the metrics' readings by route. What has no arm has no share.
func (t *tally) read() map[string][]metrics.Reading {
	readings := map[string][]metrics.Reading{}
	for _, r := range t.metrics.Read() {
		if r.Arm != "" {
			readings[r.Route] = append(readings[r.Route], r)
		}
	}
	return readings
}

// report of a route, whose readings these are.
func (t *term) report(readings []metrics.Reading) *pushv1.RouteReport {
	arms := map[string]*pushv1.ArmReport{}
	for _, leaf := range t.route.Chooser.Arms() {
		arms[leaf.Arm] = &pushv1.ArmReport{Arm: leaf.Arm}
	}
	for _, r := range readings {
		arm := arms[r.Arm]
		switch {
		case arm != nil && r.Listener == t.route.Listener:
			arm.Opened = r.Connected - min(r.Connected, t.base[r.Arm])
			arm.EndpointsOut = uint32(r.Out)
		case arm == nil && r.Active > 0:
			arm = &pushv1.ArmReport{Arm: r.Arm}
			arms[r.Arm] = arm
		}
		if arm != nil {
			arm.Open += r.Active
			if r.Stale {
				arm.Stale += r.Active
			}
		}
	}
	report := &pushv1.RouteReport{Name: t.route.Name, Hash: t.route.Hash, Since: timestamppb.New(t.since)}
	for _, arm := range arms {
		report.Arms = append(report.Arms, arm)
	}
	slices.SortFunc(report.Arms, func(a, b *pushv1.ArmReport) int { return cmp.Compare(a.Arm, b.Arm) })
	return report
}
