// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

// maxAddresses is how many addresses a status lists.
const maxAddresses = 16

// FleetState is all that the status of a fleet is made from.
type FleetState struct {
	Fleet    *v1alpha1.ProxyFleet
	Verdicts []translate.Verdict // on its routes
	Progress publish.Progress
	Observed fleet.Observed
	// Err is what the runtime could not do; Observed is then as far as is known.
	Err error
}

// Fleet is the status of a fleet.
func Fleet(s FleetState, now metav1.Time) v1alpha1.ProxyFleetStatus {
	current, generation := s.Fleet.Status, s.Fleet.Generation
	next := v1alpha1.ProxyFleetStatus{
		ObservedGeneration: generation,
		Addresses:          s.Observed.Addresses[:min(len(s.Observed.Addresses), maxAddresses)],
		Replicas:           int32(len(s.Observed.Proxies)),
		ReadyReplicas:      s.Observed.Ready,
		Selector:           s.Observed.Selector,
		ConfigGeneration:   int64(s.Progress.Generation),
		ConfigHash:         s.Progress.Hash,
	}
	if s.Progress.Generation == 0 {
		// Nothing is published by this leader yet. What the last one published
		// stays, for the numbers to go on from.
		next.ConfigGeneration, next.ConfigHash = current.ConfigGeneration, current.ConfigHash
	}
	for _, v := range s.Verdicts {
		if v.Serving != translate.ServesNothing {
			next.Routes++
		}
	}
	all := s.reach()
	next.Proxies, next.Converged = all.counts()
	available, progressing, degraded := s.available(), s.progressing(), s.degraded(all)
	next.Conditions = conditions(current.Conditions, generation, now,
		available, progressing, degraded, fleetReady(s, available, progressing))
	return next
}

// reach is how far the proxies are with the newest config as a whole.
func (s FleetState) reach() reach {
	connected := map[string]publish.Proxy{} // pod -> proxy
	for _, p := range s.Progress.Proxies {
		connected[p.Pod] = p
	}
	r := reach{total: len(s.Observed.Proxies)}
	for _, pod := range s.Observed.Proxies {
		p, ok := connected[pod]
		switch {
		case !ok || p.Acked < s.Progress.Generation:
			r.laggards = append(r.laggards, laggard{pod: pod, connected: ok, acked: p.Acked, needs: s.Progress.Generation})
		case len(p.Refused) > 0:
			r.refusals = append(r.refusals, refusal{pod, firstRefusal(p)})
		default:
			r.converged++
		}
	}
	return r
}

// firstRefusal is the refusal of the first route by name.
func firstRefusal(p publish.Proxy) *pushv1.Refusal {
	first := ""
	for name := range p.Refused {
		if first == "" || name < first {
			first = name
		}
	}
	return p.Refused[first]
}

func (s FleetState) available() judgement {
	j := judgement{Type: v1alpha1.ConditionAvailable, Reason: v1alpha1.ReasonAvailable}
	j.Message = fmt.Sprintf("%d of %d proxies are ready for connections", s.Observed.Ready, s.Observed.Wanted)
	switch {
	case s.Observed.Ready > 0:
		j.True = true
	case s.Observed.Wanted == 0:
		j.Reason, j.Message = v1alpha1.ReasonUnavailable, "the spec asks for no proxies"
	default:
		j.Reason = v1alpha1.ReasonUnavailable
	}
	return j
}

// progressing is true while proxies are being started, replaced or stopped.
func (s FleetState) progressing() judgement {
	j := judgement{Type: v1alpha1.ConditionProgressing, True: true, Reason: v1alpha1.ReasonRollingOut}
	running := int32(len(s.Observed.Proxies))
	switch {
	case running != s.Observed.Wanted:
		j.Message = fmt.Sprintf("%d proxies run, %d are wanted", running, s.Observed.Wanted)
	case s.Observed.Ready < s.Observed.Wanted:
		j.Message = fmt.Sprintf("%d of %d proxies are ready for connections", s.Observed.Ready, s.Observed.Wanted)
	case !s.Observed.Updated:
		j.Message = "proxies of an older spec are being replaced"
	default:
		j.True, j.Reason = false, v1alpha1.ReasonComplete
		j.Message = fmt.Sprintf("%d of %d proxies are of the newest spec", running, s.Observed.Wanted)
	}
	return j
}

// degraded is true while part of the fleet does not do what it should, the worst first.
func (s FleetState) degraded(all reach) judgement {
	j := judgement{Type: v1alpha1.ConditionDegraded, True: true}
	switch {
	case s.Err != nil:
		j.Reason, j.Message = v1alpha1.ReasonRuntimeError, s.Err.Error()
	case len(all.refusals) > 0:
		first := all.refusals[0]
		j.Reason = v1alpha1.ReasonResourcesRefused
		j.Message = fmt.Sprintf("%d of %d proxies refuse part of the config; %s says of %s: %s",
			len(all.refusals), all.total, first.pod, first.GetResource().GetName(), first.GetMessage())
	case len(all.laggards) > 0 && s.Progress.Generation > 0:
		j.Reason = v1alpha1.ReasonProxiesLagging
		j.Message = fmt.Sprintf("%d of %d proxies serve the newest config; waiting for %s", all.converged, all.total, all.names())
	default:
		j.True, j.Reason, j.Message = false, v1alpha1.ReasonNotDegraded, "nothing is wrong with the proxies that run"
	}
	return j
}

// fleetReady: the fleet is made, and all of it runs. That a proxy lags behind or
// refuses a route is the route's affair, and shows as Degraded here.
func fleetReady(s FleetState, available, progressing judgement) judgement {
	failed := judgement{True: s.Err == nil, Reason: v1alpha1.ReasonRuntimeError}
	if s.Err != nil {
		failed.Message = s.Err.Error()
	}
	settled := progressing
	settled.True = !progressing.True
	ok := judgement{Reason: v1alpha1.ReasonReady, Message: available.Message}
	return sum(v1alpha1.ConditionReady, ok, failed, available, settled)
}
