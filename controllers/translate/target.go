// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"strings"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
)

// k8sNamer is the mount of the Services of this cluster.
const k8sNamer = "io.l5d.k8s"

// target is one destination of a route, read.
type target struct {
	namespace string // of the route
	backend   string // name of the backend; empty in the dst form
	weight    float64
	path      dtab.Path
	// service is set where the path was made from a reference to a Service. It
	// means that Service, whatever a table says of its path.
	service *v1alpha1.ServiceReference
}

// JudgeRoute says whether the names in a route can be read: the Accepted
// condition of a TCPRoute, as far as its own text decides that.
func JudgeRoute(r *v1alpha1.TCPRoute) Judgement {
	if _, wrong := read(r); wrong != nil {
		return *wrong
	}
	return Judgement{
		Type: v1alpha1.ConditionAccepted, True: true, Reason: v1alpha1.ReasonAccepted,
		Message: "every name can be read",
	}
}

// read reads the destinations of a route. wrong is set when a text does not parse.
func read(r *v1alpha1.TCPRoute) (targets []target, wrong *Judgement) {
	if wrong := readMigration(r.Spec.Migration); wrong != nil {
		return nil, wrong
	}
	if wrong = judgeHostnames(r.Spec); wrong != nil {
		return nil, wrong
	}
	if wrong = judgeTLS(r.Spec); wrong != nil {
		return nil, wrong
	}
	if wrong = judgeLimits(r.Spec); wrong != nil {
		return nil, wrong
	}
	if len(r.Spec.Arms()) == 0 {
		path, wrong := readPath("spec.dst", r.Spec.Dst)
		return []target{{namespace: r.Namespace, weight: 1, path: path}}, wrong
	}
	for i, b := range r.Spec.Backends {
		if !b.Leads() {
			continue
		}
		tg := target{namespace: r.Namespace, backend: b.Name, weight: 1, service: b.Service}
		if b.Weight != nil {
			tg.weight = float64(*b.Weight)
		}
		if b.Service != nil {
			tg.path = dtab.Path{"#", k8sNamer, r.Namespace, b.Service.Port.String(), b.Service.Name}
		} else if tg.path, wrong = readPath(fmt.Sprintf("spec.backends[%d].dst (backend %q)", i, b.Name), b.Dst); wrong != nil {
			return nil, wrong
		}
		targets = append(targets, tg)
	}
	return targets, nil
}

func readPath(field, text string) (dtab.Path, *Judgement) {
	path, err := dtab.ParsePath(text)
	if err != nil {
		wrong := notAccepted(v1alpha1.ReasonInvalid, "%s: %s", field, place(err))
		return nil, &wrong
	}
	return path, nil
}

// needs tells whether any of the targets is bound through a table, and names
// the first that cannot do without one.
func needs(targets []target) (logical *target, needed bool) {
	for i, tg := range targets {
		if tg.service != nil {
			continue
		}
		needed = true
		if !concrete(tg.path) {
			return &targets[i], true
		}
	}
	return nil, needed
}

// concrete tells whether namers answer for a path, if no rule does.
func concrete(p dtab.Path) bool {
	return len(p) > 0 && (p[0] == "#" || p[0] == "$")
}

// arm is what a bound name is to the route: an arm that is called as the
// backend, or else as the name.
func (tg target) arm(b dtab.Bound) Arm {
	if tg.backend != "" {
		return Arm{Name: tg.backend, ID: b.ID, Namespace: tg.namespace}
	}
	return Arm{Name: b.ID.String(), ID: b.ID, Namespace: tg.namespace}
}

// String is how messages call the target.
func (tg target) String() string {
	switch {
	case tg.backend == "":
		return tg.path.String()
	case tg.service != nil:
		return fmt.Sprintf("backend %q", tg.backend)
	default:
		return fmt.Sprintf("backend %q (%s)", tg.backend, tg.path)
	}
}

// maxDestination bounds the text of a destination in a status, in bytes.
const maxDestination = 128

// destination is what a route asks for, in short: its dst, or its backends' names.
func destination(spec v1alpha1.TCPRouteSpec) string {
	arms := spec.Arms()
	if len(arms) == 0 {
		return Clip(spec.Dst, maxDestination)
	}
	names := make([]string, len(arms))
	for i, b := range arms {
		names[i] = b.Name
	}
	return Clip(strings.Join(names, ","), maxDestination)
}

// Clip shortens a text to at most limit bytes, without cutting a character.
func Clip(text string, limit int) string {
	const mark = "…"
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(mark)], "") + mark
}
