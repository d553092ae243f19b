// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleet turns a ProxyFleet into running proxies, behind one small
// interface: as a Deployment with what belongs to it (deployment), or as child
// processes (process). A fleet's spec and the ports of its routes go in; what
// runs comes out. It never decides what the proxies serve, and it touches no
// object that belongs to somebody else.
package fleet

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// ErrPortTaken says that another fleet has one of the ports, where fleets share
// an address. What needs the port must not be published.
var ErrPortTaken = errors.New("the port belongs to another fleet")

// Runtime makes fleets real.
type Runtime interface {
	// Apply brings what runs in line with the fleet's spec and the ports that
	// its routes need. It returns without waiting for proxies to come up.
	Apply(ctx context.Context, fleet *v1alpha1.ProxyFleet, ports []int32) error
	// Observe says what runs.
	Observe(ctx context.Context, fleet *v1alpha1.ProxyFleet) (Observed, error)
	// Delete removes what the runtime made for a fleet that is gone. It returns
	// without waiting for proxies to drain.
	Delete(ctx context.Context, fleet types.NamespacedName) error
}

// Observed is what runs of a fleet.
type Observed struct {
	Wanted    int32    // proxies that should run
	Proxies   []string // names of those that run and are expected to be connected, sorted
	Ready     int32    // of them, ready for connections
	Updated   bool     // all of them are of the newest spec, and none is left over
	Addresses []string // where clients reach the fleet
	Selector  string   // of the pods, for the scale subresource

	// Recheck is how long until Proxies may grow without any event, because a
	// proxy that was still starting must then be there. 0: not at all.
	Recheck time.Duration
}

// startupGrace is how long a proxy that is not ready counts as still starting:
// it may be connecting at this moment, and whether it lags is seen later.
const startupGrace = 10 * time.Second

// Add counts a proxy that runs, if it is expected to be connected by now.
// starting is when it was started; zero for one that has been ready since then:
// if it is not any more, that is no reason not to expect it.
func (o *Observed) Add(name string, ready bool, starting, now time.Time) {
	if left := startupGrace - now.Sub(starting); !ready && left > 0 {
		if o.Recheck == 0 || left < o.Recheck {
			o.Recheck = left
		}
		return
	}
	at, _ := slices.BinarySearch(o.Proxies, name)
	o.Proxies = slices.Insert(o.Proxies, at, name)
	if ready {
		o.Ready++
	}
}
