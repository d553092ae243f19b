// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/controllers/status"
)

// Usage carries what each fleet's last reconcile found out to the reconciler of
// the tables that the fleet's routes use.
type Usage struct {
	// Changed is called with a table when a fleet that uses it has news. It must not block.
	Changed func(dtab types.NamespacedName)

	mu     sync.Mutex
	fleets map[types.NamespacedName]FleetUse // mu guards it
}

// FleetUse is what the last reconcile of one fleet found out.
type FleetUse struct {
	status.Use
	// Generations of the tables that the fleet was translated with.
	Generations map[types.NamespacedName]int64 // dtab -> generation
}

// Put replaces what is known of a fleet.
func (u *Usage) Put(fleet types.NamespacedName, use FleetUse) {
	u.mu.Lock()
	old := u.fleets[fleet]
	if u.fleets == nil {
		u.fleets = map[types.NamespacedName]FleetUse{}
	}
	u.fleets[fleet] = use
	u.mu.Unlock()
	for _, use := range []FleetUse{old, use} {
		for dtab := range use.Generations {
			u.Changed(dtab)
		}
	}
}

// Drop forgets a fleet.
func (u *Usage) Drop(fleet types.NamespacedName) {
	u.Put(fleet, FleetUse{})
	u.mu.Lock()
	delete(u.fleets, fleet)
	u.mu.Unlock()
}

// Of gives what is known of one fleet.
func (u *Usage) Of(fleet types.NamespacedName) (FleetUse, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	use, ok := u.fleets[fleet]
	return use, ok
}
