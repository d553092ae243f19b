// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

var edge = types.NamespacedName{Namespace: "shop", Name: "edge"}

func quiet(types.NamespacedName) {}

// two is a config of two routes: a over p1 and p2, b over p2 and p3.
func two() *pushv1.Config {
	return &pushv1.Config{
		Listeners: []*pushv1.Listener{listener(1001), listener(1002)},
		Routes: []*pushv1.Route{
			route("shop/a", 1001, "a1", union(leaf("p1"), leaf("p2"))),
			route("shop/b", 1002, "b1", alt(leaf("p2"), union(leaf("p3")))),
		},
		Pools: []*pushv1.Pool{pool("p1", 1), pool("p2", 2), pool("p3", 3)},
	}
}

func TestGenerationCountsContents(t *testing.T) {
	b := NewBook(quiet)
	changed := two()
	changed.Pools[0].Endpoints[0].Port = 9
	renumbered := two()
	renumbered.Generation = 77
	shuffled := two()
	shuffled.Pools[0], shuffled.Pools[2] = shuffled.Pools[2], shuffled.Pools[0]
	shuffled.Routes[0], shuffled.Routes[1] = shuffled.Routes[1], shuffled.Routes[0]
	doubled := two()
	doubled.Routes = append(doubled.Routes, doubled.Routes[0])
	retaining := two()
	retaining.Retained = []string{"shop/c"}
	for _, step := range []struct {
		reason string
		config *pushv1.Config
		want   uint64
	}{
		{"the first", two(), 1},
		{"equal content keeps its number", two(), 1},
		{"the number in the config is no content", renumbered, 1},
		{"nor is the order", shuffled, 1},
		{"nor is a duplicate", doubled, 1},
		{"an endpoint moved", changed, 2},
		{"back to what it was is a change as well", two(), 3},
		{"a route is retained", retaining, 4},
		{"everything goes", &pushv1.Config{}, 5},
	} {
		if got := b.Publish(edge, step.config); got != step.want {
			t.Errorf("%s: generation %d, want %d", step.reason, got, step.want)
		}
	}
}

func TestSeedKeepsTheNumberOfEqualContent(t *testing.T) {
	before := NewBook(quiet)
	before.Publish(edge, &pushv1.Config{})
	before.Publish(edge, two())
	last := before.Progress(edge)

	same := NewBook(quiet)
	same.Seed(edge, last.Generation, last.Hash)
	if got := same.Publish(edge, two()); got != 2 {
		t.Errorf("the same content after a fail-over has generation %d, want 2", got)
	}
	other := NewBook(quiet)
	other.Seed(edge, last.Generation, last.Hash)
	if got := other.Publish(edge, &pushv1.Config{}); got != 3 {
		t.Errorf("other content after a fail-over has generation %d, want 3", got)
	}
	other.Seed(edge, 100, last.Hash)
	if got := other.Publish(edge, two()); got != 4 {
		t.Errorf("a seed after the first config gave generation %d, want 4", got)
	}
	other.Forget(edge)
	if got := other.Publish(edge, two()); got != 1 {
		t.Errorf("a forgotten fleet goes on at generation %d, want 1", got)
	}
}

func TestSinceFollowsTheRouteItsListenerAndItsPools(t *testing.T) {
	b := NewBook(quiet)
	for _, step := range []struct {
		reason string
		change func(*pushv1.Config)
		a, b   uint64
	}{
		{"the first", func(*pushv1.Config) {}, 1, 1},
		{"a's own pool", func(c *pushv1.Config) { c.Pools[0] = pool("p1", 11) }, 2, 1},
		{"a pool of both", func(c *pushv1.Config) { c.Pools[1] = pool("p2", 12) }, 3, 3},
		{"b's pool, deep in its tree", func(c *pushv1.Config) { c.Pools[2] = pool("p3", 13) }, 3, 4},
		{"a itself", func(c *pushv1.Config) { c.Routes[0] = route("shop/a", 1001, "a2", leaf("p1")) }, 5, 4},
		{"a no longer needs p2", func(c *pushv1.Config) { c.Pools[1] = pool("p2", 22) }, 5, 6},
		{"b's listener", func(c *pushv1.Config) { c.Listeners[1].Port = 2002 }, 5, 7},
		{"a pool that nobody needs", func(c *pushv1.Config) { c.Pools = append(c.Pools, pool("p4", 4)) }, 5, 7},
	} {
		// Each step starts from what was published before, unshared.
		config := published(b)
		step.change(config)
		b.Publish(edge, config)
		routes := b.Progress(edge).Routes
		want := [2]uint64{step.a, step.b}
		if got := [2]uint64{routes["shop/a"].Since, routes["shop/b"].Since}; got != want {
			t.Errorf("%s: since %v, want %v", step.reason, got, want)
		}
	}
}

// published is the newest config in the book but for its generation, for a test
// to change; two() when there is none.
func published(b *Book) *pushv1.Config {
	config := b.Config(edge)
	if config == nil {
		return two()
	}
	config = proto.Clone(config).(*pushv1.Config)
	config.Generation = 0
	return config
}

func TestRetainedRoutesKeepTheFormThatIsKnown(t *testing.T) {
	b := NewBook(quiet)
	b.Publish(edge, two())
	// a's source cannot be read now: its listener is gone from the config, one
	// of its pools has moved, the other is not there.
	b.Publish(edge, &pushv1.Config{
		Listeners: []*pushv1.Listener{listener(1002)},
		Routes:    []*pushv1.Route{two().Routes[1]},
		Pools:     []*pushv1.Pool{pool("p2", 22), pool("p3", 3)},
		Retained:  []string{"shop/a", "shop/stranger"},
	})
	want := two()
	want.Pools[1] = pool("p2", 22)
	want.Retained = []string{"shop/stranger"}
	if diff := cmp.Diff(want, published(b), protocmp.Transform()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	wantRoutes := map[string]Route{
		"shop/a":        {Hash: "a1", Since: 2}, // for p2
		"shop/b":        {Hash: "b1", Since: 2},
		"shop/stranger": {},
	}
	if diff := cmp.Diff(wantRoutes, b.Progress(edge).Routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
}

func TestContentOfARetainedRouteWins(t *testing.T) {
	b := NewBook(quiet)
	config := two()
	config.Retained = []string{"shop/b", "shop/c", "shop/c"}
	b.Publish(edge, config)
	if diff := cmp.Diff([]string{"shop/c"}, published(b).GetRetained()); diff != "" {
		t.Errorf("retained (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeSentIsLeftOut(t *testing.T) {
	b := NewBook(quiet)
	config := two()
	config.Pools = append(config.Pools, pool("p\xff", 1))
	config.Retained = []string{"shop/\xff"}
	b.Publish(edge, config)
	if diff := cmp.Diff(two(), published(b), protocmp.Transform()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

func TestProgressOfAnUnknownFleetIsEmpty(t *testing.T) {
	want := Progress{Proxies: []Proxy{}}
	if diff := cmp.Diff(want, NewBook(quiet).Progress(edge)); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestRefusalsCountForTheRoutesThatNeedTheResource(t *testing.T) {
	refusal := func(kind pushv1.ResourceKind, name string) *pushv1.Refusal {
		return &pushv1.Refusal{Resource: &pushv1.ResourceName{Kind: kind, Name: name}, Message: name}
	}
	const (
		listenerKind = pushv1.ResourceKind_RESOURCE_KIND_LISTENER
		routeKind    = pushv1.ResourceKind_RESOURCE_KIND_ROUTE
		poolKind     = pushv1.ResourceKind_RESOURCE_KIND_POOL
	)
	for _, test := range []struct {
		reason  string
		refused []*pushv1.Refusal
		want    map[string]string // route -> message
	}{
		{"none", nil, map[string]string{}},
		{"a route", []*pushv1.Refusal{refusal(routeKind, "shop/a")}, map[string]string{"shop/a": "shop/a"}},
		{"a listener", []*pushv1.Refusal{refusal(listenerKind, "tcp/1002")}, map[string]string{"shop/b": "tcp/1002"}},
		{"a pool of both", []*pushv1.Refusal{refusal(poolKind, "p2")}, map[string]string{"shop/a": "p2", "shop/b": "p2"}},
		{"a pool deep in a tree", []*pushv1.Refusal{refusal(poolKind, "p3")}, map[string]string{"shop/b": "p3"}},
		{
			"the route's own explains it best",
			[]*pushv1.Refusal{refusal(poolKind, "p1"), refusal(listenerKind, "tcp/1001"), refusal(routeKind, "shop/a")},
			map[string]string{"shop/a": "shop/a"},
		},
		{
			"then its listener's",
			[]*pushv1.Refusal{refusal(poolKind, "p1"), refusal(listenerKind, "tcp/1001")},
			map[string]string{"shop/a": "tcp/1001"},
		},
		{"a retained route's own", []*pushv1.Refusal{refusal(routeKind, "shop/c")}, map[string]string{"shop/c": "shop/c"}},
		{"nothing that is there", []*pushv1.Refusal{refusal(poolKind, "p9"), refusal(0, "shop/a"), {}}, map[string]string{}},
	} {
		b := NewBook(quiet)
		config := two()
		config.Retained = []string{"shop/c"}
		b.Publish(edge, config)
		s := b.join(&pushv1.Hello{Namespace: "shop", Fleet: "edge", Pod: "edge-0"})
		b.next(s)
		if _, _, err := b.acknowledge(s, &pushv1.Ack{Generation: 1, Refused: test.refused}); err != nil {
			t.Fatalf("%s: %v", test.reason, err)
		}
		progress := b.Progress(edge)
		got := map[string]string{}
		for name, r := range progress.Proxies[0].Refused {
			got[name] = r.GetMessage()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
		for name, r := range progress.Routes {
			if _, refused := test.want[name]; progress.Proxies[0].Converged(name, r) == refused {
				t.Errorf("%s: converged on %s is %v", test.reason, name, !refused)
			}
		}
	}
}
