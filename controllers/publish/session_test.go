// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func hello(pod string) *pushv1.Hello {
	return &pushv1.Hello{Namespace: edge.Namespace, Fleet: edge.Name, Pod: pod, Version: "v1"}
}

func TestOneUpdateIsInFlight(t *testing.T) {
	b := NewBook(quiet)
	s := b.join(hello("edge-0"))
	if u := b.next(s); u != nil {
		t.Fatalf("before anything is published: %v", u)
	}
	b.Publish(edge, two())
	first := b.next(s)
	if first.GetGeneration() != 1 || !first.GetFull() {
		t.Fatalf("the first update is %v, want a full one", first)
	}
	b.Publish(edge, &pushv1.Config{})
	if u := b.next(s); u != nil {
		t.Fatalf("a second update in flight: %v", u)
	}
	b.acknowledge(s, &pushv1.Ack{Generation: 1})
	if u := b.next(s); u.GetGeneration() != 2 || u.GetFull() {
		t.Fatalf("after the ack: %v, want the difference to generation 2", u)
	}
	b.acknowledge(s, &pushv1.Ack{Generation: 2})
	if u := b.next(s); u != nil {
		t.Fatalf("with the newest confirmed: %v", u)
	}
}

func TestAcksOfWhatWasNotSentEndTheSession(t *testing.T) {
	for _, test := range []struct {
		reason string
		acks   []uint64 // the last one counts
		want   codes.Code
	}{
		{"in flight", []uint64{3}, codes.OK},
		{"of the last good config, before the first update is confirmed", []uint64{7}, codes.OK},
		{"of nothing", []uint64{0}, codes.InvalidArgument},
		{"from the future", []uint64{4}, codes.InvalidArgument},
		{"again", []uint64{3, 3}, codes.OK},
		{"of an older one", []uint64{3, 2}, codes.InvalidArgument},
		{"of the last good config, afterwards", []uint64{3, 7}, codes.InvalidArgument},
	} {
		b := NewBook(quiet)
		b.Seed(edge, 2, "")
		b.Publish(edge, two())
		h := hello("edge-0")
		h.Generation = 7
		s := b.join(h)
		b.next(s)
		var err error
		for _, generation := range test.acks {
			_, _, err = b.acknowledge(s, &pushv1.Ack{Generation: generation})
		}
		if status.Code(err) != test.want {
			t.Errorf("%s: %v, want %v", test.reason, err, test.want)
		}
	}
}

func TestChangedIsCalledForWhatChanges(t *testing.T) {
	calls := 0
	var b *Book
	b = NewBook(func(fleet types.NamespacedName) {
		calls++
		b.Progress(fleet) // no lock is held
	})
	refused := []*pushv1.Refusal{{
		Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_ROUTE, Name: "shop/a"},
		Message:  strings.Repeat("ä", maxRefusalMessage),
	}}
	var s *session
	for _, step := range []struct {
		reason string
		do     func()
		want   int
	}{
		{"published", func() { b.Publish(edge, two()) }, 0},
		{"joined", func() { s = b.join(hello("edge-0")) }, 1},
		{"confirmed", func() { b.next(s); b.acknowledge(s, &pushv1.Ack{Generation: 1}) }, 1},
		{"said again", func() { b.acknowledge(s, &pushv1.Ack{Generation: 1}) }, 0},
		{"refused", func() { b.acknowledge(s, &pushv1.Ack{Generation: 1, Refused: refused}) }, 1},
		{"refused again", func() { b.acknowledge(s, &pushv1.Ack{Generation: 1, Refused: refused}) }, 0},
		{"served after all", func() { b.acknowledge(s, &pushv1.Ack{Generation: 1}) }, 1},
		{"gone", func() { b.leave(s) }, 1},
		{"gone twice", func() { b.leave(s) }, 0},
	} {
		calls = 0
		step.do()
		if calls != step.want {
			t.Errorf("%s: called %d times, want %d", step.reason, calls, step.want)
		}
	}
}

func TestASessionThatWasReplacedLeavesTheNewOneAlone(t *testing.T) {
	b := NewBook(quiet)
	b.Publish(edge, two())
	old := b.join(hello("edge-0"))
	next := b.join(hello("edge-0"))
	<-old.ended
	if !errors.Is(old.reason, errReplaced) {
		t.Errorf("the first ended with %v", old.reason)
	}
	if u := b.next(old); u != nil {
		t.Errorf("the first goes on with %v", u)
	}
	b.leave(old)
	if got := len(b.Progress(edge).Proxies); got != 1 {
		t.Errorf("%d proxies are left, want the second session's", got)
	}
	if u := b.next(next); !u.GetFull() {
		t.Errorf("the second begins with %v", u)
	}
}

func TestNothingIsLeftOfAFleetThatIsNotThere(t *testing.T) {
	b := NewBook(quiet)
	b.leave(b.join(hello("edge-0")))
	b.Publish(edge, two())
	b.Forget(edge)
	if got := b.fleets(); len(got) != 0 {
		t.Errorf("pages of %v are left", got)
	}
}

func TestAPushTakesFromPublishingOrFromTheHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBook(quiet)
		b.Publish(edge, two())
		<-time.After(time.Hour)
		s := b.join(hello("edge-0"))
		b.next(s)
		<-time.After(2 * time.Second)
		if took, ok, _ := b.acknowledge(s, &pushv1.Ack{Generation: 1}); took != 2*time.Second || !ok {
			t.Errorf("the first took %v, %v, want 2s since the hello", took, ok)
		}
		b.Publish(edge, &pushv1.Config{})
		b.next(s)
		<-time.After(3 * time.Second)
		if took, ok, _ := b.acknowledge(s, &pushv1.Ack{Generation: 2}); took != 3*time.Second || !ok {
			t.Errorf("the second took %v, %v, want 3s since publishing", took, ok)
		}
		if took, ok, _ := b.acknowledge(s, &pushv1.Ack{Generation: 2}); took != 0 || ok {
			t.Errorf("an ack said again took %v, %v", took, ok)
		}
	})
}
