// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
)

// reach is how far something has come over the proxies that should serve it.
//
// The proxies that count are those that the runtime lists as running and
// expected to be connected. One that is connected without being listed is either
// so new that the list lags behind, and gets the newest config first thing, or
// on its way out and accepts nothing more; it should neither hold anything up
// nor be promised.
type reach struct {
	total     int
	converged int
	laggards  []laggard
	refusals  []refusal
}

// laggard is a proxy that has not confirmed the newest form.
type laggard struct {
	pod          string
	connected    bool
	acked, needs uint64 // generations
}

// refusal is a proxy's word that it does not serve the newest form.
type refusal struct {
	pod string
	*pushv1.Refusal
}

// measure finds how far the proxies are with all of the routes named, which are
// published. Proxies are in the order of Observed, by name.
func measure(p publish.Progress, o fleet.Observed, routes ...string) reach {
	connected := make(map[string]publish.Proxy, len(p.Proxies)) // pod -> proxy
	for _, proxy := range p.Proxies {
		connected[proxy.Pod] = proxy
	}
	r := reach{total: len(o.Proxies)}
	for _, pod := range o.Proxies {
		proxy, ok := connected[pod]
		late, refused := judgeProxy(proxy, p, routes)
		switch {
		case !ok || late != 0:
			r.laggards = append(r.laggards, laggard{pod: pod, connected: ok, acked: proxy.Acked, needs: late})
		case refused != nil:
			r.refusals = append(r.refusals, refusal{pod, refused})
		default:
			r.converged++
		}
	}
	return r
}

// judgeProxy finds the highest generation that a proxy needs to confirm yet, 0
// for none, and the first refusal among the routes. What a proxy refuses of a
// form that is not the newest says nothing.
func judgeProxy(proxy publish.Proxy, p publish.Progress, routes []string) (late uint64, refused *pushv1.Refusal) {
	for _, name := range routes {
		route := p.Routes[name]
		if proxy.Acked < route.Since {
			late = max(late, route.Since)
		} else if refused == nil {
			refused = proxy.Refused[name]
		}
	}
	return late, refused
}

// counts is the reach as statuses show it.
func (r reach) counts() (v1alpha1.ProxyCounts, string) {
	c := v1alpha1.ProxyCounts{Total: int32(r.total), Converged: int32(r.converged), Rejected: int32(len(r.refusals))}
	for _, l := range r.laggards[:min(len(r.laggards), v1alpha1.MaxLaggards)] {
		c.Laggards = append(c.Laggards, l.pod)
	}
	return c, fmt.Sprintf("%d/%d", r.converged, r.total)
}

// programmed judges whether all proxies have come to the newest form. port is
// named when it cannot be opened; 0 stands for several.
func (r reach) programmed(port int32) judgement {
	j := judgement{Type: v1alpha1.ConditionProgrammed}
	switch {
	case r.total == 0:
		j.Reason, j.Message = v1alpha1.ReasonNoProxies, "the fleet has no running proxy"
	case len(r.refusals) > 0:
		j.Reason, j.Message = r.refused(port)
	case len(r.laggards) > 0:
		j.Reason = v1alpha1.ReasonPending
		j.Message = fmt.Sprintf("%d of %d proxies serve this; waiting for %s", r.converged, r.total, r.waiting())
	default:
		j.True, j.Reason = true, v1alpha1.ReasonProgrammed
		j.Message = fmt.Sprintf("%d of %d proxies serve this", r.converged, r.total)
	}
	return j
}

// refused says who refuses, and why, in the words of the first.
func (r reach) refused(port int32) (reason, message string) {
	first := r.refusals[0]
	who := fmt.Sprintf("%d of %d proxies", len(r.refusals), r.total)
	if first.GetReason() != pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE {
		return v1alpha1.ReasonRefused, fmt.Sprintf("%s refuse this; %s says: %s", who, first.pod, first.GetMessage())
	}
	what := "the port"
	if port != 0 {
		what = fmt.Sprintf("port %d", port)
	}
	return v1alpha1.ReasonPortUnavailable, fmt.Sprintf("%s cannot open %s; %s says: %s", who, what, first.pod, first.GetMessage())
}

// waiting lists the laggards, the first few of them, with what they lack.
func (r reach) waiting() string {
	return r.list(func(l laggard) string {
		if !l.connected {
			return l.pod + " (not connected)"
		}
		return fmt.Sprintf("%s (acked %d, needs %d)", l.pod, l.acked, l.needs)
	})
}

// names lists the laggards, the first few of them.
func (r reach) names() string {
	return r.list(func(l laggard) string { return l.pod })
}

func (r reach) list(text func(laggard) string) string {
	var texts []string
	for _, l := range r.laggards[:min(len(r.laggards), v1alpha1.MaxLaggards)] {
		texts = append(texts, text(l))
	}
	list := strings.Join(texts, ", ")
	if more := len(r.laggards) - len(texts); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}
