// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

// Use is one fleet as its last reconcile left it.
type Use struct {
	// Verdicts on the fleet's routes. Those that do not use the Dtab in question
	// are passed over.
	Verdicts []translate.Verdict
	Progress publish.Progress
	Observed fleet.Observed
}

// Dtab is the status of a table, over all fleets with routes that use it, sorted
// by fleet. The verdicts must be of the spec that d has.
func Dtab(d *v1alpha1.Dtab, uses []Use, now metav1.Time) v1alpha1.DtabStatus {
	var all tally
	for _, u := range uses {
		all.count(u, d)
	}
	accepted := translate.JudgeDtab(d)
	programmed := all.programmed(accepted)
	ready := sum(v1alpha1.ConditionReady, judgement{Reason: v1alpha1.ReasonReady, Message: programmed.Message}, accepted, programmed)
	next := v1alpha1.DtabStatus{ObservedGeneration: d.Generation, Routes: int32(all.routes)}
	next.Proxies, next.Converged = all.reach.counts()
	next.Conditions = conditions(d.Status.Conditions, d.Generation, now, accepted, programmed, ready)
	return next
}

// tally is how far a table is in force, over the fleets counted so far.
type tally struct {
	routes int                 // that use the table
	served int                 // of them, served in the form that the table gives them
	held   []translate.Verdict // of them, served in another form
	reach  reach
}

// count adds a fleet. None of its proxies has come to the newest form as long as
// one of its routes is held.
func (t *tally) count(u Use, d *v1alpha1.Dtab) {
	var names []string
	held := len(t.held)
	for _, v := range u.Verdicts {
		if !usesDtab(v, d) {
			continue
		}
		t.routes++
		name := v.Route.Namespace + "/" + v.Route.Name
		_, published := u.Progress.Routes[name]
		switch {
		case v.Serving == translate.ServesNothing:
		case v.Serving == translate.ServesNewest && published:
			names = append(names, name)
		default:
			t.held = append(t.held, v)
		}
	}
	t.served += len(names)
	switch {
	case len(t.held) > held:
		t.reach.add(reach{total: len(u.Observed.Proxies)})
	case len(names) > 0:
		t.reach.add(measure(u.Progress, u.Observed, names...))
	}
}

func usesDtab(v translate.Verdict, d *v1alpha1.Dtab) bool {
	return v.Dtab != nil && v.Dtab.Namespace == d.Namespace && v.Dtab.Name == d.Name
}

// add puts the proxies of another fleet to those of r.
func (r *reach) add(other reach) {
	r.total += other.total
	r.converged += other.converged
	r.laggards = append(r.laggards, other.laggards...)
	r.refusals = append(r.refusals, other.refusals...)
}

// programmed judges a table:
//
//  1. one that nobody uses is in force, as far as it can be;
//  2. one that a route does not follow is not, whatever the others do;
//  3. else it is as far as the proxies are.
func (t *tally) programmed(accepted judgement) judgement {
	j := judgement{Type: v1alpha1.ConditionProgrammed}
	switch {
	case len(t.held) == 0 && t.served == 0:
		j.True, j.Reason, j.Message = accepted.True, v1alpha1.ReasonNotUsed, "no route that is served uses this table"
		return j
	case len(t.held) == 0:
		return t.reach.programmed(0)
	}
	v := t.held[0]
	why := v.Resolved.Message
	switch {
	case !accepted.True:
		j.Reason, why = v1alpha1.ReasonLastGoodForm, "the table has a mistake"
	case v.Resolved.True:
		j.Reason, why = v1alpha1.ReasonPending, "its form is not published yet"
	case v.Resolved.Unknown:
		j.Reason = v1alpha1.ReasonPending
	default:
		j.Reason = v1alpha1.ReasonLastGoodForm
	}
	j.Message = fmt.Sprintf("TCPRoute %s/%s does not follow this table: %s", v.Route.Namespace, v.Route.Name, translate.Clip(why, maxMessage/2))
	if more := len(t.held) - 1; more > 0 {
		j.Message += fmt.Sprintf("; and %d more", more)
	}
	return j
}
