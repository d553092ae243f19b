// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

var redisPorts = []discoveryv1.EndpointPort{slicePort("redis", 6379)}

// follow watches a name and notes what is said of it.
func follow(n *Namer, segments ...string) (said *[]string, stop func()) {
	said = new([]string)
	path := append(dtab.Path{"#", "io.l5d.k8s"}, segments...)
	return said, n.Watch(path, func(s namer.State) { *said = append(*said, show(s)) })
}

func expectSaid(t *testing.T, said *[]string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, *said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	*said = nil
}

func TestNothingIsSaidBeforeTheCachesHaveSynced(t *testing.T) {
	n := New(Options{})
	said, _ := follow(n, "prod", "redis", "redis")
	n.onSlice(nil, slice("a", redisPorts, ready("10.0.0.1")...))
	expectSaid(t, said)
	n.onSlice(nil, slice("b", redisPorts, ready("10.0.0.2")...))
	n.settle()
	expectSaid(t, said, "bound 10.0.0.1:6379@n1 10.0.0.2:6379@n1")

	said, _ = follow(n, "prod", "redis", "redis", "residual")
	expectSaid(t, said, "bound 10.0.0.1:6379@n1 10.0.0.2:6379@n1")
	said, _ = follow(n, "prod", "redis", "other")
	expectSaid(t, said, "neg")
}

func TestPathsTooShortAreNothingAtOnce(t *testing.T) {
	n := New(Options{})
	for _, segments := range [][]string{{}, {"prod"}, {"prod", "redis"}} {
		said, stop := follow(n, segments...)
		expectSaid(t, said, "neg")
		stop()
	}
	if len(n.services) != 0 {
		t.Errorf("left over: %v", n.services)
	}
}

func TestAnEventConcernsTheNamesOfItsServiceOnly(t *testing.T) {
	n := New(Options{})
	n.settle()
	other := serviceWith(servicePort("redis", 80, intstr.FromInt32(6379)))
	other.Name = "other"
	byName, _ := follow(n, "prod", "redis", "redis")
	byNumber, _ := follow(n, "prod", "80", "redis")
	bystander, _ := follow(n, "prod", "80", "other")
	sameNameElsewhere, _ := follow(n, "test", "80", "redis")
	for _, said := range []*[]string{byName, byNumber, bystander, sameNameElsewhere} {
		expectSaid(t, said, "neg")
	}

	n.onService(nil, serviceWith(servicePort("redis", 80, intstr.FromInt32(6379))))
	expectSaid(t, byName, "neg")
	expectSaid(t, byNumber, "bound")
	n.onSlice(nil, slice("a", redisPorts, ready("10.0.0.1")...))
	expectSaid(t, byName, "bound 10.0.0.1:6379@n1")
	expectSaid(t, byNumber, "bound 10.0.0.1:6379@n1")
	expectSaid(t, bystander)
	expectSaid(t, sameNameElsewhere)
	n.onService(nil, other)
	expectSaid(t, bystander, "bound")
	expectSaid(t, byName)
}

func TestSliceThatMovesToAnotherServiceLeavesTheFirst(t *testing.T) {
	n := New(Options{})
	n.settle()
	redis, _ := follow(n, "prod", "redis", "redis")
	other, _ := follow(n, "prod", "redis", "other")
	before := slice("a", redisPorts, ready("10.0.0.1")...)
	after := before.DeepCopy()
	after.Labels[discoveryv1.LabelServiceName] = "other"
	n.onSlice(nil, before)
	n.onSlice(before, after)
	expectSaid(t, redis, "neg", "bound 10.0.0.1:6379@n1", "neg")
	expectSaid(t, other, "neg", "bound 10.0.0.1:6379@n1")
}

func TestDeletionsThatWereMissedCount(t *testing.T) {
	n := New(Options{})
	n.settle()
	service, endpoints := serviceWith(servicePort("redis", 80, intstr.FromInt32(6379))), slice("a", redisPorts, ready("10.0.0.1")...)
	n.onService(nil, service)
	n.onSlice(nil, endpoints)
	n.onService(last(toolscache.DeletedFinalStateUnknown{Obj: service}), nil)
	n.onSlice(last(toolscache.DeletedFinalStateUnknown{Obj: endpoints}), nil)
	n.onService(last(toolscache.DeletedFinalStateUnknown{Key: "prod/redis"}), nil)
	if len(n.services) != 0 {
		t.Errorf("left over: %v", n.services)
	}
}

func TestNothingIsSaidAfterStop(t *testing.T) {
	n := New(Options{})
	n.settle()
	first, stop := follow(n, "prod", "redis", "redis")
	second, _ := follow(n, "prod", "redis", "redis")
	stop()
	n.onSlice(nil, slice("a", redisPorts, ready("10.0.0.1")...))
	expectSaid(t, first, "neg")
	expectSaid(t, second, "neg", "bound 10.0.0.1:6379@n1")
}

// BenchmarkEvent is the cost of one slice event among many Services.
func BenchmarkEvent(b *testing.B) {
	n := New(Options{})
	n.settle()
	addrs := make([]string, 100)
	for i := range addrs {
		addrs[i] = "10.0.0." + string(rune('0'+i%10))
	}
	var first *discoveryv1.EndpointSlice
	for i := range 10_000 {
		s := slice("a", redisPorts, ready(addrs...)...)
		s.Labels[discoveryv1.LabelServiceName] = "redis-" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		n.onSlice(nil, s)
		n.Watch(dtab.Path{"#", "io.l5d.k8s", "prod", "redis", s.Labels[discoveryv1.LabelServiceName]}, func(namer.State) {})
		if first == nil {
			first = s
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		n.onSlice(first, first)
	}
}
