// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/observe"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

// Stale counts the connections that migrations are still to end, by asking the
// proxies: about a route from the moment on when something about it changes, until
// all of them have said that there are none. It asks nobody about anything else.
type Stale struct {
	// Ask asks the connected proxies of a fleet about routes, by their full names.
	Ask func(ctx context.Context, fleet types.NamespacedName, routes []string) ([]observe.Route, error)
	// Changed is called with a fleet of which a count has changed. It must not block.
	Changed func(fleet types.NamespacedName)
	// Every is the time between two questions, and so between two writes of a status.
	Every time.Duration

	mu     sync.Mutex
	fleets map[types.NamespacedName]map[string]*count // guarded by mu; route -> its count
	woken  chan struct{}                              // has a value when there may be something to ask
}

// count is what is known of a route.
type count struct {
	form    string // of the route, and the proxies that it is asked of
	settled bool   // all have said that there are none
	known   bool
	stale   int64
}

// NewStale makes a Stale that has nothing to ask yet.
func NewStale(changed func(types.NamespacedName), every time.Duration) *Stale {
	return &Stale{Changed: changed, Every: every, fleets: map[types.NamespacedName]map[string]*count{}, woken: make(chan struct{}, 1)}
}

// Want says which routes of a fleet migrate, all of them: route -> form. A route
// whose form is another than before is asked about anew.
func (s *Stale) Want(fleet types.NamespacedName, forms map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.fleets[fleet]
	next := make(map[string]*count, len(forms))
	for route, form := range forms {
		c := known[route]
		if c == nil {
			c = &count{}
		}
		if c.form != form {
			c.form, c.settled = form, false
			s.wake()
		}
		next[route] = c
	}
	if s.fleets[fleet] = next; len(next) == 0 {
		delete(s.fleets, fleet)
	}
}

func (s *Stale) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Of is the count of a route; nil while it is not known.
func (s *Stale) Of(fleet types.NamespacedName, route string) *int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.fleets[fleet][route]; c != nil && c.known {
		stale := c.stale
		return &stale
	}
	return nil
}

// Run asks until ctx ends.
func (s *Stale) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.woken:
		}
		for s.ask(ctx) {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(s.Every):
			}
		}
	}
}

// ask asks once about all that is not settled. It is false if there is nothing.
func (s *Stale) ask(ctx context.Context) bool {
	open := s.open()
	for fleet, routes := range open {
		// An error is that this controller is not ready to lead, or busy: next time.
		if said, err := s.Ask(ctx, fleet, slices.Sorted(maps.Keys(routes))); err == nil && s.take(fleet, routes, said) {
			s.Changed(fleet)
		}
	}
	return len(open) > 0
}

// open are the routes to ask about, with their forms.
func (s *Stale) open() map[types.NamespacedName]map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := map[types.NamespacedName]map[string]string{}
	for fleet, routes := range s.fleets {
		for route, c := range routes {
			if c.settled {
				continue
			}
			if open[fleet] == nil {
				open[fleet] = map[string]string{}
			}
			open[fleet][route] = c.form
		}
	}
	return open
}

// take takes what proxies said of routes in those forms. It is true if a count is
// another. Where some did not say, or not of the newest form, a count does not fall.
func (s *Stale) take(fleet types.NamespacedName, asked map[string]string, said []observe.Route) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range said {
		name := r.Namespace + "/" + r.Name
		c := s.fleets[fleet][name]
		if c == nil {
			continue
		}
		complete := len(r.Behind)+len(r.Silent) == 0
		stale := int64(r.Stale)
		if !complete && c.known {
			stale = max(stale, c.stale)
		}
		changed = changed || !c.known || c.stale != stale
		c.known, c.stale = true, stale
		c.settled = complete && stale == 0 && c.form == asked[name]
	}
	return changed
}

// migrating are the published routes that migrate, with a form of each that is another
// when the route is, or when other proxies serve it.
func migrating(verdicts []translate.Verdict, progress publish.Progress) map[string]string {
	var proxies strings.Builder
	for _, p := range progress.Proxies {
		proxies.WriteString(" " + p.Pod)
	}
	forms := map[string]string{}
	for _, v := range verdicts {
		name := client.ObjectKeyFromObject(v.Route).String()
		if published, ok := progress.Routes[name]; ok && v.Route.Spec.Migration.Ends() {
			forms[name] = published.Hash + proxies.String()
		}
	}
	return forms
}

// proxies is how many of a fleet there are at least among which what is allowed to all
// of them is divided: those that are connected, or those that run if these are more.
func (r *FleetReconciler) proxies(f *v1alpha1.ProxyFleet) int {
	if f == nil {
		return 0
	}
	return max(len(r.Book.Progress(client.ObjectKeyFromObject(f)).Proxies), int(f.Status.Replicas))
}
