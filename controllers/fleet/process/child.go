// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"time"

	"github.com/wye-dev/wye/controllers/fleet"
)

// phase says where a child's process is between two starts.
type phase int

const (
	waiting phase = iota // not started yet, or it ended and is to be started again
	running
)

// state is what a supervisor knows of its process. The zero value: it waits.
type state struct {
	is    phase
	since time.Time // of the start
	admin string    // HOST:PORT
	ready bool
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

// count adds a child to what is observed, if it is a proxy by now and is not draining.
func (c *child) count(observed *fleet.Observed, now time.Time) {
	if c.stopping || c.is != running {
		return
	}
	if left := fleet.StartupGrace - now.Sub(c.since); !c.ready && left > 0 {
		if observed.Recheck == 0 || left < observed.Recheck {
			observed.Recheck = left
		}
		return
	}
	observed.Proxies = append(observed.Proxies, c.name)
	if c.ready {
		observed.Ready++
	}
}
