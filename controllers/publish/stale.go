// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/controllers/observe"
)

// ObserveFleet asks the connected proxies of a fleet about routes of it, by their
// full names, as Observe does. Routes that are not published are left out.
func (s *Server) ObserveFleet(ctx context.Context, fleet types.NamespacedName, routes []string) ([]observe.Route, error) {
	return s.ask(ctx, func() []*inquiry { return s.Book.inquireFleet(fleet, routes) })
}

// inquireFleet puts a question to a fleet; none if it has none of the routes.
func (b *Book) inquireFleet(fleet types.NamespacedName, routes []string) []*inquiry {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[fleet]
	if p == nil || p.newest == nil {
		return nil
	}
	sums := map[string]*total{}
	for _, name := range routes {
		if entry := find(p.newest.routes, name); entry != nil {
			sums[name] = newTotal(entry.message)
		}
	}
	if len(sums) == 0 {
		return nil
	}
	return []*inquiry{b.put(fleet, p, sums)}
}
