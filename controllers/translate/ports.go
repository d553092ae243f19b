// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// settlePorts takes from the drafts whatever they would serve on a port that an
// older route holds. It reorders them.
//
// A route holds the port that it asks for, if it is accepted, and the port on
// which it serves: the two differ while a last good form of another port stands
// in. A route that serves nothing holds nothing.
func settlePorts(drafts []*draft) {
	slices.SortFunc(drafts, older)
	holders := map[int32]*draft{} // port -> who holds it
	for _, d := range drafts {
		if d.verdict.Serving == ServesNothing {
			continue
		}
		if port, holder := contest(holders, d); holder != nil {
			d.yield(port, holder)
			continue
		}
		for _, port := range d.ports() {
			holders[port] = d
		}
	}
}

// older orders by age, and routes of one second by namespace and name.
func older(a, b *draft) int {
	x, y := a.verdict.Route.CreationTimestamp, b.verdict.Route.CreationTimestamp
	return cmp.Or(x.Compare(y.Time), compareKeys(a.key, b.key))
}

// ports that a draft needs.
func (d *draft) ports() []int32 {
	wanted := d.verdict.Route.Spec.Port
	if d.verdict.Accepted.True && wanted != d.port {
		return []int32{wanted, d.port}
	}
	return []int32{d.port}
}

// contest finds the first port of a draft that somebody holds.
func contest(holders map[int32]*draft, d *draft) (port int32, holder *draft) {
	for _, port := range d.ports() {
		if holder := holders[port]; holder != nil {
			return port, holder
		}
	}
	return 0, nil
}

// yield leaves a port to the route that holds it.
func (d *draft) yield(port int32, holder *draft) {
	d.serve(ServesNothing, nil, 0)
	if d.verdict.Accepted.True {
		d.verdict.Accepted = notAccepted(v1alpha1.ReasonConflicted,
			"port %d is held by TCPRoute %s, which was there first; choose another port, or delete one of the two", port, holder.key)
		return
	}
	d.verdict.Accepted.Message += fmt.Sprintf("; the last good form cannot serve, because its port %d is held by TCPRoute %s", port, holder.key)
}
