// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"syscall"
	"testing"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// A route whose table breaks keeps its form, and goes on following the endpoints
// of that form.
func TestLastGoodFormServesAndFollowsEndpoints(t *testing.T) {
	p := newPlace(t, 3)
	a := p.announce("a", p.serve("first"))
	good, broken := p.table("default", "/svc/echo => "+a), p.table("default", "/svc/echo => "+a+" | (")
	route := p.route("echo", p.reserve(), "/svc/echo")
	p.apply(good, route)
	p.expect(route, ready)
	l := p.startLoad(route.Spec.Port)

	// 1. Broken.
	p.apply(broken)
	p.expect(route,
		not("ResolvedRefs", v1alpha1.ReasonDtabInvalid, "spec.dentries[0].dst: line 1, column "),
		not("Programmed", v1alpha1.ReasonLastGoodForm, "the proxies go on with the last good form"),
		not("Ready", v1alpha1.ReasonDtabInvalid, "the proxies go on with the last good form"))
	p.expect(broken, not("Programmed", v1alpha1.ReasonLastGoodForm, "TCPRoute "+p.namespace+"/echo does not follow this table"))
	p.leadsTo(route.Spec.Port, "first")

	// 2. The endpoint moves.
	p.announce("a", p.serve("second"))
	p.leadsTo(route.Spec.Port, "second")

	// 3. The table is deleted.
	p.delete(broken)
	p.expect(route, not("ResolvedRefs", v1alpha1.ReasonDtabNotFound), not("Programmed", v1alpha1.ReasonLastGoodForm))
	p.leadsTo(route.Spec.Port, "second")
	p.announce("a", p.serve("third"))
	p.leadsTo(route.Spec.Port, "third")

	// 4. All is well again.
	p.apply(good)
	p.expect(route, ready)
	p.expect(good, ready)
	l.check()
}

// A controller that starts with a broken table does not know the last good form,
// but the proxies do.
func TestLastGoodFormOutlivesTheController(t *testing.T) {
	p := newPlace(t, 3)
	a := p.announce("a", p.serve("a"))
	good, broken := p.table("default", "/svc/echo => "+a), p.table("default", "/svc/echo => "+a+" | (")
	route := p.route("echo", p.reserve(), "/svc/echo")
	p.apply(good, route)
	p.expect(route, ready)
	p.apply(broken)
	p.expect(route, not("Programmed", v1alpha1.ReasonLastGoodForm))
	split, hash := route.Status.Split, route.Status.ConfigHash

	p.restartController(syscall.SIGTERM)
	p.leadsTo(route.Spec.Port, "a")
	p.expect(route,
		not("ResolvedRefs", v1alpha1.ReasonDtabInvalid),
		not("Programmed", v1alpha1.ReasonLastGoodForm, "the proxies keep the form that they have"))
	if route.Status.Split != split || route.Status.ConfigHash != hash {
		t.Errorf("split %q and hash %s became %q and %s", split, hash, route.Status.Split, route.Status.ConfigHash)
	}

	l := p.startLoad(route.Spec.Port)
	p.apply(p.table("default", "/svc/echo => "+p.announce("b", p.serve("b"))))
	p.expect(route, ready)
	p.leadsTo(route.Spec.Port, "b")
	l.check()
}
