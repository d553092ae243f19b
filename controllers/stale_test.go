// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/controllers/observe"
)

// proxies answer questions about routes.
type proxies struct {
	stale  *Stale
	said   []observe.Route // the next answers, one each; the last is given again
	asked  [][]string
	rung   int // times that a count was another
	counts []int64
}

var edge = types.NamespacedName{Namespace: "ns", Name: "edge"}

func (p *proxies) ask(_ context.Context, _ types.NamespacedName, routes []string) ([]observe.Route, error) {
	p.asked = append(p.asked, routes)
	said := p.said[0]
	if len(p.said) > 1 {
		p.said = p.said[1:]
	}
	return []observe.Route{said}, nil
}

func (p *proxies) changed(fleet types.NamespacedName) {
	p.rung++
	p.counts = append(p.counts, *p.stale.Of(fleet, "ns/r"))
}

// run runs a test against proxies that say this, one after the other.
func (p *proxies) run(t *testing.T, test func()) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p.stale = NewStale(p.changed, 2*time.Second)
		p.stale.Ask = p.ask
		go func() { _ = p.stale.Run(t.Context()) }()
		test()
	})
}

func counted(stale uint64) observe.Route {
	return observe.Route{Namespace: "ns", Name: "r", Stale: stale}
}

func TestStaleConnectionsAreAskedForUntilThereAreNone(t *testing.T) {
	p := &proxies{said: []observe.Route{counted(30), counted(30), counted(12), counted(0)}}
	p.run(t, func() {
		if n := p.stale.Of(edge, "ns/r"); n != nil {
			t.Errorf("%d, though nobody has said anything", *n)
		}
		p.stale.Want(edge, map[string]string{"ns/r": "form"})
		<-time.After(time.Hour)
		p.stale.Want(edge, map[string]string{"ns/r": "form"})
		<-time.After(time.Hour)
	})
	if diff := cmp.Diff([]int64{30, 12, 0}, p.counts); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if len(p.asked) != 4 {
		t.Errorf("asked %d times, want 4", len(p.asked))
	}
}

func TestAnotherFormIsAskedAboutAnew(t *testing.T) {
	p := &proxies{said: []observe.Route{counted(0), counted(5), counted(0)}}
	p.run(t, func() {
		p.stale.Want(edge, map[string]string{"ns/r": "form"})
		<-time.After(time.Hour)
		p.stale.Want(edge, map[string]string{"ns/r": "other"})
		<-time.After(time.Hour)
	})
	if diff := cmp.Diff([]int64{0, 5, 0}, p.counts); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestACountDoesNotFallForThoseThatDoNotSay(t *testing.T) {
	silent, behind := counted(3), counted(0)
	silent.Silent, behind.Behind = []string{"pod"}, []string{"pod"}
	p := &proxies{said: []observe.Route{counted(10), silent, behind, counted(2), counted(0)}}
	p.run(t, func() {
		p.stale.Want(edge, map[string]string{"ns/r": "form"})
		<-time.After(time.Hour)
	})
	if diff := cmp.Diff([]int64{10, 2, 0}, p.counts); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestNobodyIsAskedWithoutAMigration(t *testing.T) {
	p := &proxies{said: []observe.Route{counted(1)}}
	p.run(t, func() {
		p.stale.Want(edge, nil)
		<-time.After(time.Hour)
		p.stale.Want(edge, map[string]string{"ns/r": "form"})
		<-time.After(5 * time.Second)
		p.stale.Want(edge, nil)
		<-time.After(time.Hour)
	})
	if len(p.asked) != 3 || !slices.Equal(p.asked[0], []string{"ns/r"}) {
		t.Errorf("asked %v", p.asked)
	}
	if n := p.stale.Of(edge, "ns/r"); n != nil {
		t.Errorf("%d is still known", *n)
	}
}
