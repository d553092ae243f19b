//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// between two changes there is this much time at most.
const changeEvery = 400 * time.Millisecond

// change is something that happens to the proxy while it is under load.
type change struct {
	name  string
	often int // against the others
	do    func(*world, *testing.T)
}

// changes are all there are.
func changes() []change {
	return []change{
		{"weights", 8, (*world).changeWeights},
		{"endpoints", 8, (*world).changeEndpoints},
		{"routes", 5, (*world).changeRoutes},
		{"bursts", 1, (*world).changeInABurst},
		{"kills", 4, (*world).killOrStart},
		{"sessions", 1, (*world).changeSession},
		{"certificates", 2, (*world).changeCertificate},
		{"trust", 2, (*world).changeTrust},
	}
}

// disturb makes changes until a time. It ends early if something is wrong.
func (w *world) disturb(t *testing.T, until time.Time) {
	var draw []change
	for _, c := range changes() {
		for range c.often {
			draw = append(draw, c)
		}
	}
	for {
		timer := time.After(rand.N(changeEvery))
		select {
		case <-w.progress.C:
			w.tell(t)
		case err := <-w.proxy.end:
			t.Fatalf("the proxy ended: %v", err)
		case err := <-w.front.end:
			t.Fatalf("the front proxy ended: %v", err)
		case err := <-w.back.program.end:
			t.Fatalf("the back proxy ended: %v", err)
		case <-timer:
			c := draw[w.random.IntN(len(draw))]
			c.do(w, t)
			w.changed[c.name]++
		}
		if time.Now().After(until) || len(w.tally.found()) > 0 {
			return
		}
	}
}

// push has the proxy take an update, without a refusal.
func (w *world) push(t *testing.T, u *pushv1.Update) {
	t.Helper()
	if refused := w.session.Push(t, u).GetRefused(); len(refused) > 0 {
		w.tally.violation("generation %d: refused %v", u.GetGeneration(), refused)
	}
}

func (w *world) anyRoute() *route { return w.plan.routes[w.random.IntN(len(w.plan.routes))] }

// changeWeights gives a route new weights, some of them 0, but not all.
func (w *world) changeWeights(t *testing.T) {
	r := w.anyRoute()
	if !r.there {
		return
	}
	for arm := range r.weights {
		r.weights[arm] = float64(w.random.IntN(4))
	}
	r.weights[w.random.IntN(arms)] = 1
	u := w.plan.update()
	u.Routes = []*pushv1.Route{w.plan.routeOf(r)}
	w.push(t, u)
}

// changeEndpoints adds an endpoint to a pool, or removes it.
func (w *world) changeEndpoints(t *testing.T) {
	r, arm, number := w.anyRoute(), w.random.IntN(arms), w.random.IntN(len(w.endpoints))
	if !r.there {
		return
	}
	members := r.members[arm]
	switch {
	case !members[number]:
		members[number] = true
	case len(members) > leastEndpoints:
		delete(members, number)
	}
	u := w.plan.update()
	u.Pools = []*pushv1.Pool{w.plan.poolOf(r, arm)}
	w.push(t, u)
}

// changeRoutes removes a route, or adds it again. Nobody dials it meanwhile, but
// connections to it go on, those too that the proxy has not accepted yet.
func (w *world) changeRoutes(t *testing.T) {
	r := w.anyRoute()
	if !r.passes {
		return
	}
	u := w.plan.update()
	if !r.there {
		w.plan.add(u, r)
		w.push(t, u)
		w.plan.set(r, true)
		return
	}
	w.plan.set(r, false)
	u.Removed = []*pushv1.ResourceName{
		{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: r.listener()},
		{Kind: pushv1.ResourceKind_RESOURCE_KIND_ROUTE, Name: r.resource()},
	}
	for arm := range arms {
		u.Removed = append(u.Removed, &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_POOL, Name: r.pool(arm)})
	}
	w.push(t, u)
}

// changeInABurst makes many changes, one right after the other.
func (w *world) changeInABurst(t *testing.T) {
	for range 30 {
		w.changeWeights(t)
		w.changeEndpoints(t)
	}
}

// killOrStart starts the endpoint that is dead, or kills one: never two at once, so
// that no pool is without one that lives.
func (w *world) killOrStart(t *testing.T) {
	if w.dead != nil {
		if err := w.dead.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.dead = nil
		return
	}
	w.dead = w.endpoints[w.random.IntN(len(w.endpoints))]
	w.dead.kill()
}

// changeSession ends the session with the controller, and states everything anew.
func (w *world) changeSession(t *testing.T) {
	w.session.End(errors.New("the test ends this session"))
	w.session = w.controller.Next(t)
	w.push(t, w.plan.full())
}

// calm undoes all changes.
func (w *world) calm(t *testing.T) {
	if w.dead != nil {
		w.killOrStart(t)
	}
	w.plan.reset()
	w.push(t, w.plan.full())
	w.mend(t)
}
