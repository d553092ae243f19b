// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// journal has every form of the objects of one kind in a place that the API
// server told of since the journal began, in order.
type journal[O client.Object] struct {
	*place
	watch   watch.Interface
	entries []entry[O]
}

type entry[O client.Object] struct {
	at     time.Time // when the API server told of it
	object O
}

// follow begins a journal of the kind of a list.
func follow[O client.Object](p *place, list client.ObjectList) *journal[O] {
	p.Helper()
	in := client.InNamespace(p.namespace)
	if err := w.client.List(p.Context(), list, in); err != nil {
		p.Fatal(err)
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	watch, err := w.client.Watch(p.Context(), list, in, from)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(watch.Stop)
	return &journal[O]{place: p, watch: watch}
}

// until reads on to the first form that is as wanted.
func (j *journal[O]) until(what string, wanted func(O) bool) entry[O] {
	j.Helper()
	deadline := time.After(patience)
	for {
		e, ok := j.next(deadline)
		if !ok {
			j.Fatalf("not within %s: %s; the last that came was %+v", patience, what, j.last())
		}
		if wanted(e.object) {
			return e
		}
	}
}

// settle reads on until nothing has come for a time.
func (j *journal[O]) settle(quiet time.Duration) {
	j.Helper()
	deadline := time.Now().Add(patience)
	for {
		if _, ok := j.next(time.After(quiet)); !ok {
			return
		}
		if time.Now().After(deadline) {
			j.Fatalf("never quiet for %s; the last that came was %+v", quiet, j.last())
		}
	}
}

// next waits for the next form until the deadline.
func (j *journal[O]) next(deadline <-chan time.Time) (e entry[O], ok bool) {
	j.Helper()
	select {
	case event, open := <-j.watch.ResultChan():
		object, ours := event.Object.(O)
		if !open || !ours {
			j.Fatalf("the watch ended: %+v", event)
		}
		e = entry[O]{time.Now(), object}
		j.entries = append(j.entries, e)
		return e, true
	case <-deadline:
		return e, false
	}
}

func (j *journal[O]) last() any {
	if len(j.entries) == 0 {
		return nil
	}
	return j.entries[len(j.entries)-1].object
}
