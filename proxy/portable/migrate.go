// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"slices"
	"sync"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/metrics"
	"github.com/wye-dev/wye/proxy/migration"
	"github.com/wye-dev/wye/proxy/relay"
)

// relayed is a connection that is being relayed.
type relayed struct {
	driver *Driver
	arm    *metrics.Arm
	reins  relay.Reins
}

// Migrate is the migration.Connection's.
func (r *relayed) Migrate() {
	if r.arm.Stale() && r.reins.End(flow.Migrated) {
		r.driver.residents.leave(r) // so that nobody has it end twice
	}
}

// residents are the connections that are being relayed. All are known: a migration
// may begin at any time.
type residents struct {
	mu  sync.Mutex
	all map[*relayed]bool // guarded by mu
}

func (r *residents) enter(c *relayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[*relayed]bool{}
	}
	r.all[c] = true
}

func (r *residents) leave(c *relayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, c)
}

// Established is the migration.Connections'.
func (d *Driver) Established(arms []*metrics.Arm, most int, quietest bool) []migration.Connection {
	list := migration.NewShortlist[migration.Connection](most, quietest)
	d.residents.mu.Lock()
	defer d.residents.mu.Unlock()
	for c := range d.residents.all {
		if slices.Contains(arms, c.arm) {
			list.Offer(c.reins.Quiet(), c)
		}
	}
	return list.Take()
}
