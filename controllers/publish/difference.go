// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"slices"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// difference is the update that takes a proxy from base, the edition that it
// confirmed last, to next. A refused resource counts as taken: the proxy was
// told of it and hears of it again when it changes.
//
// The update is full in three cases:
//  1. nothing was confirmed in the session (base is nil);
//  2. the retained routes are not the same: what the proxy holds of a route that
//     is no longer retained is not known here, so only a full update removes it;
//  3. something else than a route goes while routes are retained: a retained route
//     may need it, and "remove" would be obeyed where "not listed" is weighed.
func difference(base, next *edition) *pushv1.Update {
	if base == nil || !slices.Equal(base.retained, next.retained) {
		return next.full()
	}
	u := &pushv1.Update{Generation: next.generation}
	var listeners, routes, pools, identities, bundles []*pushv1.ResourceName
	u.Listeners, listeners = compare(base.listeners, next.listeners, pushv1.ResourceKind_RESOURCE_KIND_LISTENER)
	u.Routes, routes = compare(base.routes, next.routes, pushv1.ResourceKind_RESOURCE_KIND_ROUTE)
	u.Pools, pools = compare(base.pools, next.pools, pushv1.ResourceKind_RESOURCE_KIND_POOL)
	u.Identities, identities = compare(base.identities, next.identities, pushv1.ResourceKind_RESOURCE_KIND_IDENTITY)
	u.TrustBundles, bundles = compare(base.bundles, next.bundles, pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE)
	u.TicketKeys = next.tickets.since(base.tickets)
	if len(next.retained) > 0 && len(listeners)+len(pools)+len(identities)+len(bundles) > 0 {
		return next.full()
	}
	u.Removed = slices.Concat(listeners, routes, pools, identities, bundles)
	return u
}

// full is the update that states everything.
func (e *edition) full() *pushv1.Update {
	u := &pushv1.Update{Generation: e.generation, Full: true, Retained: e.retained}
	u.Listeners, _ = compare(nil, e.listeners, pushv1.ResourceKind_RESOURCE_KIND_LISTENER)
	u.Routes, _ = compare(nil, e.routes, pushv1.ResourceKind_RESOURCE_KIND_ROUTE)
	u.Pools, _ = compare(nil, e.pools, pushv1.ResourceKind_RESOURCE_KIND_POOL)
	u.Identities, _ = compare(nil, e.identities, pushv1.ResourceKind_RESOURCE_KIND_IDENTITY)
	u.TrustBundles, _ = compare(nil, e.bundles, pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE)
	u.TicketKeys = e.tickets.since(nil)
	return u
}

// compare merges two sorted lists into what is new or has other content in next,
// and the names that are only in base.
func compare[M named](base, next []*entry[M], kind pushv1.ResourceKind) (changed []M, removed []*pushv1.ResourceName) {
	for len(base) > 0 || len(next) > 0 {
		switch {
		case len(base) == 0 || len(next) > 0 && next[0].message.GetName() < base[0].message.GetName():
			changed = append(changed, next[0].message)
			next = next[1:]
		case len(next) == 0 || base[0].message.GetName() < next[0].message.GetName():
			removed = append(removed, &pushv1.ResourceName{Kind: kind, Name: base[0].message.GetName()})
			base = base[1:]
		default:
			if base[0] != next[0] && base[0].sum != next[0].sum {
				changed = append(changed, next[0].message)
			}
			base, next = base[1:], next[1:]
		}
	}
	return changed, removed
}
