// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"strings"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/observe"
)

// total sums up what the proxies of a fleet say of one route.
type total struct {
	observe.Route                         // without Arms
	arms          map[string]*observe.Arm // of the newest form, by name
}

// totals are sums to begin with: of the routes of a namespace that an edition has
// the form of, or of the one with a name unless that is empty.
func (e *edition) totals(namespace, name string) map[string]*total {
	if e == nil {
		return nil
	}
	sums := map[string]*total{}
	for _, entry := range e.routes {
		full := entry.message.GetName()
		if of, ok := strings.CutPrefix(full, namespace+"/"); ok && (name == "" || of == name) {
			sums[full] = newTotal(entry.message)
		}
	}
	return sums
}

func newTotal(route *pushv1.Route) *total {
	t := &total{Route: observe.Route{Hash: route.GetHash(), Arms: []observe.Arm{}}, arms: map[string]*observe.Arm{}}
	for _, arm := range arms(route.GetTree(), nil) {
		t.arms[arm] = &observe.Arm{Name: arm}
	}
	return t
}

// add adds what one proxy says.
func (t *total) add(pod string, r *pushv1.RouteReport) {
	newest := r.GetHash() == t.Hash
	if newest {
		t.Counted++
		if at := r.GetSince().AsTime(); r.GetSince().CheckValid() == nil && (t.Since == nil || at.After(*t.Since)) {
			t.Since = &at
		}
	} else {
		t.Behind = append(t.Behind, pod)
	}
	for _, said := range r.GetArms() {
		t.Stale += said.GetStale()
		arm := t.arms[said.GetArm()]
		if arm == nil {
			t.Departed += said.GetOpen()
			continue
		}
		arm.Open += said.GetOpen()
		arm.Stale += said.GetStale()
		arm.Out = max(arm.Out, said.GetEndpointsOut())
		if newest {
			arm.Opened += said.GetOpened()
		}
	}
}

// arms appends the arms of a tree, in its order and as often as they are there.
func arms(tree *pushv1.Tree, found []string) []string {
	if leaf := tree.GetLeaf(); leaf != nil {
		return append(found, leaf.GetArm())
	}
	for _, t := range tree.GetAlt().GetTrees() {
		found = arms(t, found)
	}
	for _, w := range tree.GetUnion().GetTrees() {
		found = arms(w.GetTree(), found)
	}
	return found
}
