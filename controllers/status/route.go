// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

const (
	// maxArms is how many arms a status lists.
	maxArms = 64
	// maxColumn bounds a text that is a printer column or an arm's name, in bytes.
	maxColumn = 256
)

// Route is the status of a route: what a translation made of it, and how far its
// fleet is with that. The status that the route has now is in the verdict.
func Route(v translate.Verdict, p publish.Progress, o fleet.Observed, now metav1.Time) v1alpha1.TCPRouteStatus {
	current, generation := v.Route.Status, v.Route.Generation
	name := v.Route.Namespace + "/" + v.Route.Name
	next := v1alpha1.TCPRouteStatus{
		ObservedGeneration: generation,
		Destination:        translate.Clip(v.Destination, maxColumn),
		Split:              translate.Clip(v.Split, maxColumn),
		Arms:               shorten(v.Arms),
	}
	programmed, reached := programmed(v, p, o, name)
	next.Proxies, next.Converged = reached.counts()
	if published, ok := p.Routes[name]; ok && published.Hash != "" {
		next.ConfigHash = published.Hash
	} else {
		next.ConfigHash = current.ConfigHash
	}
	switch v.Serving {
	case translate.ServesNothing:
		next.ConfigHash = ""
	case translate.ServesRetained:
		// What the proxies keep is what was in force when this was written.
		next.Arms, next.Split = current.Arms, current.Split
	}
	ready := ready(v, programmed)
	next.Conditions = conditions(current.Conditions, generation, now, v.Accepted, v.Resolved, programmed, ready)
	return next
}

// programmed judges how far the proxies are with a route's newest form. The
// reach of a form that is not the newest is nobody.
func programmed(v translate.Verdict, p publish.Progress, o fleet.Observed, name string) (judgement, reach) {
	nobody := reach{total: len(o.Proxies)}
	held := judgement{Type: v1alpha1.ConditionProgrammed, Reason: v1alpha1.ReasonLastGoodForm}
	switch v.Serving {
	case translate.ServesNothing:
		held.Reason, held.Message = v1alpha1.ReasonNotPublished, "nothing is served for this route"
		return held, reach{}
	case translate.ServesLastGood:
		held.Message = "the proxies go on with the last good form"
		return held, nobody
	case translate.ServesRetained:
		held.Message = "the proxies keep the form that they have"
		if v.Route.Status.ConfigHash == "" {
			held.Reason, held.Message = v1alpha1.ReasonNotPublished, "nothing was served for this route yet"
		}
		return held, nobody
	}
	if _, ok := p.Routes[name]; !ok {
		held.Unknown, held.Reason, held.Message = true, v1alpha1.ReasonPending, "the newest form is not published yet"
		return held, nobody
	}
	reached := measure(p, o, name)
	return reached.programmed(v.Route.Spec.Port), reached
}

// ready sums up a route. What stands in for a form that cannot be used is told
// with the reason.
func ready(v translate.Verdict, programmed judgement) judgement {
	ok := judgement{Reason: v1alpha1.ReasonReady, Message: programmed.Message}
	j := sum(v1alpha1.ConditionReady, ok, v.Accepted, v.Resolved, programmed, v.Replicas)
	if v.Serving == translate.ServesLastGood || v.Serving == translate.ServesRetained {
		j.Message = translate.Clip(j.Message, maxMessage/2) + "; " + programmed.Message
	}
	return j
}

// shorten bounds the arms of a status.
func shorten(arms []v1alpha1.ArmStatus) []v1alpha1.ArmStatus {
	var short []v1alpha1.ArmStatus
	for _, a := range arms[:min(len(arms), maxArms)] {
		a.Name = translate.Clip(a.Name, maxColumn)
		a.Bound = translate.Clip(a.Bound, 2*maxColumn)
		short = append(short, a)
	}
	return short
}
