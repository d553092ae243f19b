// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namer"
)

// replicas judges whether every arm that gets connections has somewhere to send them.
func (t *translation) replicas(form Bound, list []arm, lost float64) Judgement {
	if lost > 1e-9 {
		return notReady(v1alpha1.ReasonNoWeight, "%s", noWeight(form, lost))
	}
	first, more := "", 0
	for _, a := range list {
		for _, leaf := range a.leaves {
			why := t.vacant(leaf)
			switch {
			case why == "":
			case first == "":
				first = subject(form, a, leaf) + " " + why
			default:
				more++
			}
		}
	}
	if first == "" {
		return Judgement{Type: v1alpha1.ConditionReady, True: true, Reason: v1alpha1.ReasonReady}
	}
	if more > 0 {
		first += fmt.Sprintf("; and so for %d more", more)
	}
	return notReady(v1alpha1.ReasonNoReplicas, "%s", first)
}

// vacant says why a share of the connections has no endpoint; empty when it has
// one, or gets no connections.
func (t *translation) vacant(leaf share) string {
	if leaf.fraction == 0 {
		return ""
	}
	if leaf.id == nil {
		return "has nobody to serve it"
	}
	switch addr := t.names.addr(leaf.id); {
	case addr.State == namer.AddrNeg:
		return "has no addresses"
	case addr.State == namer.AddrFailed:
		return fmt.Sprintf("has no addresses: %s", addr.Cause)
	case len(addr.Endpoints) == 0:
		return "has no ready endpoints"
	}
	return ""
}

// subject begins a message on one leaf of an arm.
func subject(form Bound, a arm, leaf share) string {
	name, id := form.Spec.Dst, idText(leaf.id)
	if a.backend != "" {
		name = fmt.Sprintf("backend %q", a.backend)
	}
	if name == id {
		return id
	}
	return fmt.Sprintf("%s is bound to %s, which", name, id)
}

func noWeight(form Bound, lost float64) string {
	name := form.Spec.Dst
	if len(form.Spec.Backends) > 0 {
		name = "spec.backends"
	}
	if lost > 1-1e-9 {
		return fmt.Sprintf("all weights of %s are zero, so every connection is refused; give an arm a weight above zero", name)
	}
	percent := percentages([]arm{{share: share{fraction: lost}}, {share: share{fraction: 1 - lost}}})[0]
	return fmt.Sprintf("%s leads to a union in which all weights are zero, so %s of the connections are refused; give an arm of it a weight above zero", name, percent)
}

func notReady(reason, format string, args ...any) Judgement {
	return Judgement{Type: v1alpha1.ConditionReady, Reason: reason, Message: fmt.Sprintf(format, args...)}
}
