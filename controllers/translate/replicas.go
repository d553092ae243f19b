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
				first = fmt.Sprintf("%s is bound to %s, %s", subject(form, a), idText(leaf.id), why)
			default:
				more++
			}
		}
	}
	if first == "" {
		return Judgement{Type: v1alpha1.ConditionReady, True: true, Reason: v1alpha1.ReasonReady}
	}
	if more > 0 {
		first += fmt.Sprintf("; the same is true of %d more", more)
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
		return "which stands for nobody"
	}
	switch addr := t.names.addr(leaf.id); {
	case addr.State == namer.AddrNeg:
		return "which has no addresses"
	case addr.State == namer.AddrFailed:
		return fmt.Sprintf("whose addresses cannot be known: %s", addr.Cause)
	case len(addr.Endpoints) == 0:
		return "which has no ready endpoints"
	}
	return ""
}

// subject is how messages call what is bound to an arm.
func subject(form Bound, a arm) string {
	if a.backend != "" {
		return fmt.Sprintf("backend %q", a.backend)
	}
	return form.Spec.Dst
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
