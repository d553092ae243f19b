// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/observe"
)

// errBusy is that too many are asking already.
var errBusy = errors.New("too many ask at once; try again")

// inquiry is one question to the proxies of a fleet, and what they have said so far.
type inquiry struct {
	fleet    types.NamespacedName
	question *pushv1.ReportRequest
	sessions []*session    // of all proxies that were connected when it began
	complete chan struct{} // closed when all that were asked have answered

	mu      sync.Mutex
	waiting map[string]bool   // guarded by mu; pods that are asked and have not answered
	heard   map[string]bool   // guarded by mu; pods that have
	sums    map[string]*total // guarded by mu; route name -> what is said of it; its keys stay as they are
}

// Observe asks the connected proxies about the published routes of a namespace,
// or the one with a name unless that is empty. It takes no longer than
// ReportTimeout, and names those who did not answer. It implements observe.Asker.
func (s *Server) Observe(ctx context.Context, namespace, name string) ([]observe.Route, error) {
	routes, err := s.ask(ctx, func() []*inquiry { return s.Book.inquire(namespace, name) })
	slices.SortFunc(routes, func(x, y observe.Route) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(x.Fleet, y.Fleet))
	})
	return routes, err
}

// ask puts questions, and waits for what is said within ReportTimeout.
func (s *Server) ask(ctx context.Context, put func() []*inquiry) ([]observe.Route, error) {
	if _, err := s.gate.pass(); err != nil {
		return nil, errors.New("this controller does not lead, or is not ready to; ask the one that does")
	}
	ctx, cancel := context.WithTimeout(ctx, s.ReportTimeout)
	defer cancel()
	select {
	case s.inquiring <- struct{}{}:
		defer func() { <-s.inquiring }()
	case <-ctx.Done():
		return nil, errBusy
	}
	var routes []observe.Route
	for _, q := range put() {
		select {
		case <-q.complete:
		case <-ctx.Done():
		}
		s.Book.dismiss(q)
		routes = append(routes, q.result()...)
	}
	return routes, nil
}

// inquire puts a question to each fleet that has such routes.
func (b *Book) inquire(namespace, name string) []*inquiry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var inquiries []*inquiry
	for fleet, p := range b.pages {
		if sums := p.newest.totals(namespace, name); len(sums) > 0 {
			inquiries = append(inquiries, b.put(fleet, p, sums))
		}
	}
	return inquiries
}

// put puts a question about routes to a fleet. Called with mu held.
func (b *Book) put(fleet types.NamespacedName, p *page, sums map[string]*total) *inquiry {
	b.asked++
	q := &inquiry{
		fleet: fleet, question: &pushv1.ReportRequest{Id: b.asked}, complete: make(chan struct{}),
		waiting: map[string]bool{}, heard: map[string]bool{}, sums: sums,
	}
	for route := range sums {
		q.question.Routes = append(q.question.Routes, route)
	}
	slices.Sort(q.question.Routes)
	q.begin(p)
	return q
}

// begin hands the question to the senders of a fleet's sessions. Called with
// Book.mu held.
func (q *inquiry) begin(p *page) {
	for pod, s := range p.sessions {
		q.sessions = append(q.sessions, s)
		if s.reports {
			q.waiting[pod] = true
			s.questions = append(s.questions, q)
			s.rouse()
		}
	}
	if len(q.waiting) == 0 {
		close(q.complete)
	}
}

// dismiss has nobody wait for what comes of an inquiry any more.
func (b *Book) dismiss(q *inquiry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range q.sessions {
		delete(s.asked, q.question.GetId())
		s.questions = slices.DeleteFunc(s.questions, func(other *inquiry) bool { return other == q })
	}
}

// report takes a proxy's answer. One that nobody waits for is passed over.
func (b *Book) report(s *session, r *pushv1.Report) {
	b.mu.Lock()
	q := s.asked[r.GetId()]
	delete(s.asked, r.GetId())
	b.mu.Unlock()
	if q != nil {
		q.take(s.pod, r)
	}
}

// take adds what a proxy says to the totals. Routes that it was not asked about
// are passed over, so that what it can take up here is bounded by the config.
func (q *inquiry) take(pod string, r *pushv1.Report) {
	q.mu.Lock()
	defer q.mu.Unlock()
	said := make(map[string]bool, len(q.sums))
	for _, route := range r.GetRoutes() {
		if sum := q.sums[route.GetName()]; sum != nil && !said[route.GetName()] {
			said[route.GetName()] = true
			sum.add(pod, route)
		}
	}
	for name, sum := range q.sums {
		switch {
		case said[name]:
		case r.GetTruncated():
			sum.Silent = append(sum.Silent, pod)
		default:
			sum.Behind = append(sum.Behind, pod)
		}
	}
	q.heard[pod] = true
	delete(q.waiting, pod)
	if len(q.waiting) == 0 {
		close(q.complete)
	}
}

// result is what is known when the time is up.
func (q *inquiry) result() []observe.Route {
	q.mu.Lock()
	defer q.mu.Unlock()
	routes := make([]observe.Route, 0, len(q.sums))
	for name, sum := range q.sums {
		r := sum.Route
		r.Namespace, r.Name, _ = strings.Cut(name, "/")
		r.Fleet = q.fleet.String()
		for _, s := range q.sessions {
			if !q.heard[s.pod] {
				r.Silent = append(r.Silent, s.pod)
			}
		}
		for _, arm := range sum.arms {
			r.Arms = append(r.Arms, *arm)
		}
		slices.SortFunc(r.Arms, func(x, y observe.Arm) int { return strings.Compare(x.Name, y.Name) })
		slices.Sort(r.Behind)
		slices.Sort(r.Silent)
		routes = append(routes, r)
	}
	return routes
}
