// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// group is what should run of one fleet, and its children. Runtime.mu guards it,
// but for dir, which does not change.
type group struct {
	dir      string
	fleet    *v1alpha1.ProxyFleet // as applied last
	wanted   int
	flags    fleet.Flags // of each child, but for what is its own
	ports    []int32
	renewAt  time.Time // when the token is due; zero for none yet
	gone     bool      // the fleet was deleted
	children map[int]*child
}

// replaceOutdated stops children that run with flags of an earlier spec, one
// that is ready at a time, and only while all others are. The lock is held.
func (g *group) replaceOutdated() {
	ready := 0
	for _, c := range g.children {
		if c.ready && !c.stopping {
			ready++
		}
	}
	for _, index := range slices.Backward(slices.Sorted(maps.Keys(g.children))) {
		c := g.children[index]
		if c.flags == g.flags || c.stopping {
			continue
		}
		if !c.ready {
			c.stop()
		} else if ready == g.wanted {
			c.stop()
			return
		}
	}
}

// phase says where a child's process is between two starts.
type phase int

const (
	waiting phase = iota // not started yet, or it ended and is to be started again
	running
)

// state is what a supervisor knows of its process. The zero value: it waits.
type state struct {
	is       phase
	starting time.Time // when it was started; zero once it has been ready
	admin    string    // HOST:PORT
	ready    bool
}

// child is one proxy of a fleet, over all of its restarts. Runtime.mu guards it.
type child struct {
	index    int
	name     string
	flags    fleet.Flags // those of its group when it was started
	cancel   context.CancelFunc
	stopping bool
	state
}

// stop begins the drain of a child, once.
func (c *child) stop() {
	c.stopping = true
	c.cancel()
}
