// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
)

// maxLeaves bounds the tree of one target: no small table may make a config that
// proxies cannot hold.
const maxLeaves = 1024

// resolution is what binding a target came to.
type resolution struct {
	tree dtab.Tree[Arm]
	// usable is false when the target cannot be bound, or not yet: the tree
	// means nothing then.
	usable bool
	wrong  *Judgement // nil when there is nothing to complain about
}

// bind binds the targets of a route. form is nil when they cannot be bound, or
// not yet; through is the Dtab that it takes.
func (t *translation) bind(r *v1alpha1.TCPRoute, targets []target) (form *Bound, resolved Judgement, through *types.NamespacedName) {
	tb, through, wrong := t.through(r, targets)
	if wrong != nil {
		return nil, *wrong, through
	}
	var all resolution
	spec := *r.Spec.DeepCopy()
	spec.Backends = spec.Arms()
	if len(spec.Backends) == 0 {
		all = t.resolve(tb, targets[0])
	} else {
		all = t.resolveBackends(tb, targets)
	}
	resolved = Judgement{
		Type: v1alpha1.ConditionResolvedRefs, True: true, Reason: v1alpha1.ReasonResolvedRefs,
		Message: "every name is bound",
	}
	if all.wrong != nil {
		resolved = *all.wrong
	}
	if !all.usable {
		return nil, resolved, through
	}
	return &Bound{Tree: all.tree, Spec: spec}, resolved, through
}

// resolveBackends makes a union of a route's backends. As in the Gateway API, a
// backend that is bound to nothing keeps its share of the connections, and they
// are refused; it would be wrong to send them to a backend with another weight.
func (t *translation) resolveBackends(tb *table, targets []target) resolution {
	all := resolution{tree: dtab.Tree[Arm]{Kind: dtab.Union}, usable: true}
	for _, tg := range targets {
		one := t.resolve(tb, tg)
		if one.tree.Kind == dtab.Neg || one.tree.Kind == dtab.Fail {
			one.tree = dtab.Tree[Arm]{Kind: dtab.Empty}
		}
		all.tree.Children = append(all.tree.Children, dtab.Weighted[Arm]{Weight: tg.weight, Tree: one.tree})
		if one.wrong != nil {
			all.blame(one.wrong, !one.usable)
		}
	}
	return all
}

// blame adds a complaint; stops tells whether the target is unusable for it. Of
// several complaints one is told: what stops the route before what does not, and
// mistakes before what is only awaited.
func (r *resolution) blame(wrong *Judgement, stops bool) {
	other := resolution{usable: !stops, wrong: wrong}
	if other.rank() > r.rank() {
		r.wrong = wrong
	}
	r.usable = r.usable && !stops
}

func (r *resolution) rank() int {
	switch {
	case r.wrong == nil:
		return 0
	case r.usable:
		return 1
	case r.wrong.Unknown:
		return 2
	default:
		return 3
	}
}

// resolve binds one target.
func (t *translation) resolve(tb *table, tg target) resolution {
	if tg.service != nil {
		tb = t.empty
	}
	t.names.missing = nil
	binding, err := dtab.Interpreter{Table: tb.table, Namers: t.names}.Bind(tg.path)
	if err == nil || errors.Is(err, dtab.ErrPending) {
		t.keepReady(tb, tg.path)
	}
	if err != nil {
		return resolution{wrong: mistake(tb, tg, err)}
	}
	if n := leaves(binding.Tree); n > maxLeaves {
		return resolution{wrong: unbound(v1alpha1.ReasonTooManySteps,
			"%s is bound to %d destinations by the rules of %s; at most %d are allowed", tg, n, tb, maxLeaves)}
	}
	res := resolution{tree: dtab.Map(binding.Tree, tg.arm), usable: true}
	t.examine(&res, tb, tg, binding.LeftOut)
	return res
}

// examine finds what is wrong with a target that is bound.
func (t *translation) examine(res *resolution, tb *table, tg target, leftOut []error) {
	// 1. Branches that failed are left out and the others serve, as in linkerd,
	//    if there are others. One that is awaited holds up the route: to leave
	//    it out for a moment would change the split twice.
	for _, err := range leftOut {
		stops := errors.Is(err, dtab.ErrPending) || res.tree.Kind == dtab.Neg
		res.blame(mistake(tb, tg, err), stops)
	}
	// 2. Addresses must be known before connections are sent there.
	if id := t.awaited(res.tree); id != nil {
		res.blame(awaiting("%s: the addresses of %s are awaited", tg, id), true)
	}
	// 3. A tree that leads nowhere is an answer, and in force.
	if wrong := t.answer(tb, tg, res.tree.Kind); wrong != nil {
		res.blame(wrong, false)
	}
}

// keepReady looks up the alternatives of a name that are not taken now, so that
// they are known when they are needed: a fallback must not begin with waiting
// for service discovery. What comes of it has no part in the result.
func (t *translation) keepReady(tb *table, path dtab.Path) {
	pending, missing := t.names.pending, t.names.missing
	follow(tb, path, func(end dtab.Path) {
		if !concrete(end) {
			return
		}
		in := dtab.Interpreter{Table: tb.table, Namers: t.names, Steps: maxFollowed}
		if binding, err := in.Bind(end); err == nil {
			forLeaves(binding.Tree, func(b dtab.Bound) { t.names.addr(b.ID) })
		}
	})
	t.names.pending, t.names.missing = pending, missing
}

// mistake says why a name cannot be bound.
func mistake(tb *table, tg target, err error) *Judgement {
	switch {
	case errors.Is(err, dtab.ErrPending):
		return awaiting("%s: waiting for service discovery to answer for %s", tg, where(err, tg))
	case errors.Is(err, dtab.ErrDepth):
		return unbound(v1alpha1.ReasonLoop, "%s: the rules of %s %s", tg, tb, circle(err))
	case errors.Is(err, dtab.ErrSteps):
		return unbound(v1alpha1.ReasonTooManySteps, "%s: the rules of %s branch so much that %d steps do not follow them to the end; given up at %s",
			tg, tb, dtab.DefaultSteps, where(err, tg))
	default:
		return unbound(v1alpha1.ReasonNamerError, "%s cannot be looked up: %v", tg, err)
	}
}

// answer says what is wrong with a tree that is no error, but leads nowhere.
func (t *translation) answer(tb *table, tg target, kind dtab.Kind) *Judgement {
	switch {
	case kind == dtab.Fail:
		return unbound(v1alpha1.ReasonFails, "%s: the rules of %s end in ! (fail), so its connections are refused", tg, tb)
	case kind == dtab.Neg && tg.service != nil:
		return unbound(v1alpha1.ReasonBackendNotFound, "%s: %s; its share of the connections is refused", tg, noService(tg))
	case kind == dtab.Neg:
		return unbound(v1alpha1.ReasonBackendNotFound, "%s is bound to nothing, so its connections are refused: %s", tg, t.deadEnds(tb, tg.path))
	}
	return nil
}

// noService says what about a Service may be missing.
func noService(tg target) string {
	port, namespace := tg.service.Port, tg.path[2]
	if port.StrVal != "" {
		return fmt.Sprintf("there is no Service %q in namespace %q with a port named %q, or it has no endpoints", tg.service.Name, namespace, port.StrVal)
	}
	return fmt.Sprintf("there is no Service %q in namespace %q with port %d", tg.service.Name, namespace, port.IntVal)
}

func unbound(reason, format string, args ...any) *Judgement {
	return &Judgement{Type: v1alpha1.ConditionResolvedRefs, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func awaiting(format string, args ...any) *Judgement {
	j := unresolved(fmt.Sprintf(format, args...))
	return &j
}

// unresolved is the judgement on names of which nothing is known yet.
func unresolved(message string) Judgement {
	return Judgement{Type: v1alpha1.ConditionResolvedRefs, Unknown: true, Reason: v1alpha1.ReasonPending, Message: message}
}
