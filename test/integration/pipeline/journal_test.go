// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// journal has every form of the fleets, routes and tables of a place that the API
// server told of since the journal began.
type journal struct {
	*place
	told    chan entry
	entries []entry // read so far
}

type entry struct {
	at     time.Time // when the API server told of it
	object client.Object
}

// follow begins a journal.
func (p *place) follow() *journal {
	p.Helper()
	j := &journal{place: p, told: make(chan entry)}
	for _, list := range []client.ObjectList{&v1alpha1.ProxyFleetList{}, &v1alpha1.TCPRouteList{}, &v1alpha1.DtabList{}} {
		in := client.InNamespace(p.namespace)
		if err := w.client.List(p.Context(), list, in); err != nil {
			p.Fatal(err)
		}
		from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
		watch, err := w.client.Watch(p.Context(), list, in, from)
		if err != nil {
			p.Fatal(err)
		}
		go j.pass(p.Context(), watch)
	}
	return j
}

// pass passes on what a watch tells, until the test ends.
func (j *journal) pass(ctx context.Context, from watch.Interface) {
	defer from.Stop()
	for {
		select {
		case event := <-from.ResultChan():
			object, _ := event.Object.(client.Object)
			select {
			case j.told <- entry{time.Now(), object}:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// until reads on to the first form that is as wanted.
func (j *journal) until(what string, wanted func(client.Object) bool) entry {
	j.Helper()
	deadline := time.After(patience)
	for {
		e, ok := j.next(deadline)
		if !ok {
			j.Fatalf("not within %s: %s", patience, what)
		}
		if wanted(e.object) {
			return e
		}
	}
}

// settle reads on until nothing has come for a time.
func (j *journal) settle(quiet time.Duration) {
	j.Helper()
	deadline := time.Now().Add(patience)
	for {
		e, ok := j.next(time.After(quiet))
		if !ok {
			return
		}
		if e.at.After(deadline) {
			j.Fatalf("never quiet for %s; the last that came was %+v", quiet, e.object)
		}
	}
}

// next waits for the next form until the deadline.
func (j *journal) next(deadline <-chan time.Time) (e entry, ok bool) {
	j.Helper()
	select {
	case e = <-j.told:
		if e.object == nil {
			j.Fatal("a watch ended")
		}
		j.entries = append(j.entries, e)
		return e, true
	case <-deadline:
		return e, false
	}
}

// forms are those of one kind.
func forms[O client.Object](j *journal) []O {
	var forms []O
	for _, e := range j.entries {
		if o, ok := e.object.(O); ok {
			forms = append(forms, o)
		}
	}
	return forms
}
