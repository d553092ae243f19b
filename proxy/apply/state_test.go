// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Short forms for configs in tests.

func leaf(pool string) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: pool, Pool: pool}}}
}

func alt(trees ...*pushv1.Tree) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Alt{Alt: &pushv1.Alt{Trees: trees}}}
}

func union(trees ...*pushv1.Tree) *pushv1.Tree {
	u := &pushv1.Union{}
	for _, t := range trees {
		u.Trees = append(u.Trees, &pushv1.Weighted{Weight: 1, Tree: t})
	}
	return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: u}}
}

func neg() *pushv1.Tree { return &pushv1.Tree{Kind: &pushv1.Tree_Neg{Neg: &pushv1.Neg{}}} }

func listeners(ports ...uint32) (out []*pushv1.Listener) {
	names := map[uint32]string{1: "tcp/1", 2: "tcp/2", 3: "tcp/3"}
	for _, p := range ports {
		out = append(out, &pushv1.Listener{Name: names[p], Port: p})
	}
	return out
}

func route(name, listener string, tree *pushv1.Tree) *pushv1.Route {
	return &pushv1.Route{Name: name, Listener: listener, Tree: tree}
}

func pool(name string, addresses ...string) *pushv1.Pool {
	p := &pushv1.Pool{Name: name}
	for _, a := range addresses {
		p.Endpoints = append(p.Endpoints, &pushv1.Endpoint{Address: a, Port: 1})
	}
	return p
}

func resource(kind pushv1.ResourceKind, name string) *pushv1.ResourceName {
	return &pushv1.ResourceName{Kind: kind, Name: name}
}

const (
	listenerKind = pushv1.ResourceKind_RESOURCE_KIND_LISTENER
	routeKind    = pushv1.ResourceKind_RESOURCE_KIND_ROUTE
	poolKind     = pushv1.ResourceKind_RESOURCE_KIND_POOL
)

func refusal(kind pushv1.ResourceKind, name string, reason pushv1.RefusalReason) *pushv1.Refusal {
	return &pushv1.Refusal{Resource: resource(kind, name), Reason: reason}
}

// held is a config of two routes on two ports with a pool each.
func held() *pushv1.Config {
	return &pushv1.Config{
		Generation: 4,
		Listeners:  listeners(1, 2),
		Routes:     []*pushv1.Route{route("a", "tcp/1", leaf("pa")), route("b", "tcp/2", leaf("pb"))},
		Pools:      []*pushv1.Pool{pool("pa", "10.0.0.1"), pool("pb", "10.0.0.2")},
	}
}

func TestUpdatesBuildOnWhatIsHeld(t *testing.T) {
	tests := []struct {
		name    string
		reason  string
		held    *pushv1.Config
		updates []*pushv1.Update
		want    *pushv1.Config
	}{
		{
			name:    "first",
			reason:  "a full update is the config, sorted",
			updates: []*pushv1.Update{{Generation: 1, Full: true, Listeners: listeners(2, 1), Pools: []*pushv1.Pool{pool("q"), pool("p")}}},
			want:    &pushv1.Config{Generation: 1, Listeners: listeners(1, 2), Pools: []*pushv1.Pool{pool("p"), pool("q")}},
		},
		{
			name:    "full replaces",
			reason:  "what a full update does not list is removed",
			held:    held(),
			updates: []*pushv1.Update{{Generation: 5, Full: true, Listeners: listeners(3)}},
			want:    &pushv1.Config{Generation: 5, Listeners: listeners(3)},
		},
		{
			name:    "full and empty",
			reason:  "a controller that says nothing is there is believed",
			held:    held(),
			updates: []*pushv1.Update{{Generation: 5, Full: true}},
			want:    &pushv1.Config{Generation: 5},
		},
		{
			name:    "older full",
			reason:  "the controller says what is newest, not the number",
			held:    held(),
			updates: []*pushv1.Update{{Generation: 1, Full: true, Listeners: listeners(3)}},
			want:    &pushv1.Config{Generation: 1, Listeners: listeners(3)},
		},
		{
			name:   "difference",
			reason: "a moved endpoint comes as one pool, a deleted route as three names",
			updates: []*pushv1.Update{
				full(held()),
				{Generation: 5, Pools: []*pushv1.Pool{pool("pa", "10.0.0.9")}},
				{Generation: 6, Removed: []*pushv1.ResourceName{
					resource(routeKind, "b"), resource(listenerKind, "tcp/2"), resource(poolKind, "pb"), resource(poolKind, "never was"), resource(99, "a"),
				}},
			},
			want: &pushv1.Config{
				Generation: 6,
				Listeners:  listeners(1),
				Routes:     []*pushv1.Route{route("a", "tcp/1", leaf("pa"))},
				Pools:      []*pushv1.Pool{pool("pa", "10.0.0.9")},
			},
		},
		{
			name:    "retained with what it needs",
			reason:  "the controller cannot tell b now, so b keeps its port and its pool",
			held:    held(),
			updates: []*pushv1.Update{{Generation: 5, Full: true, Retained: []string{"b", "unheard of"}}},
			want: &pushv1.Config{
				Generation: 5,
				Listeners:  listeners(2),
				Routes:     []*pushv1.Route{route("b", "tcp/2", leaf("pb"))},
				Pools:      []*pushv1.Pool{pool("pb", "10.0.0.2")},
				Retained:   []string{"b"},
			},
		},
		{
			name:   "retained over a deep tree",
			reason: "every pool of the tree is needed",
			held: &pushv1.Config{
				Routes: []*pushv1.Route{route("r", "tcp/1", alt(union(leaf("p1"), alt(neg(), leaf("p2"))), leaf("p3")))},
				Pools:  []*pushv1.Pool{pool("p1"), pool("p2"), pool("p3"), pool("p4")},
			},
			updates: []*pushv1.Update{{Generation: 1, Full: true, Retained: []string{"r"}}},
			want: &pushv1.Config{
				Generation: 1,
				Routes:     []*pushv1.Route{route("r", "tcp/1", alt(union(leaf("p1"), alt(neg(), leaf("p2"))), leaf("p3")))},
				Pools:      []*pushv1.Pool{pool("p1"), pool("p2"), pool("p3")},
				Retained:   []string{"r"},
			},
		},
		{
			name:   "retained with newer endpoints",
			reason: "a pool that the controller does state is newer than the one held",
			held:   held(),
			updates: []*pushv1.Update{
				{Generation: 5, Full: true, Retained: []string{"b"}, Pools: []*pushv1.Pool{pool("pb", "10.0.0.7")}},
				{Generation: 6, Removed: []*pushv1.ResourceName{resource(poolKind, "pb")}},
			},
			want: &pushv1.Config{
				Generation: 6,
				Listeners:  listeners(2),
				Routes:     []*pushv1.Route{route("b", "tcp/2", leaf("pb"))},
				Pools:      []*pushv1.Pool{pool("pb", "10.0.0.7")},
				Retained:   []string{"b"},
			},
		},
		{
			name:   "retained and told again",
			reason: "once the controller can tell b, its old form and its old pool go",
			held:   held(),
			updates: []*pushv1.Update{
				{Generation: 5, Full: true, Retained: []string{"b"}},
				{Generation: 6, Listeners: listeners(2), Routes: []*pushv1.Route{route("b", "tcp/2", leaf("new"))}, Pools: []*pushv1.Pool{pool("new")}},
			},
			want: &pushv1.Config{
				Generation: 6,
				Listeners:  listeners(2),
				Routes:     []*pushv1.Route{route("b", "tcp/2", leaf("new"))},
				Pools:      []*pushv1.Pool{pool("new")},
			},
		},
		{
			name:   "retained and then deleted",
			reason: "the controller does not know what b needed; it goes with b",
			held:   held(),
			updates: []*pushv1.Update{
				{Generation: 5, Full: true, Retained: []string{"a", "b"}},
				{Generation: 6, Removed: []*pushv1.ResourceName{resource(routeKind, "b")}},
			},
			want: &pushv1.Config{
				Generation: 6,
				Listeners:  listeners(1),
				Routes:     []*pushv1.Route{route("a", "tcp/1", leaf("pa"))},
				Pools:      []*pushv1.Pool{pool("pa", "10.0.0.1")},
				Retained:   []string{"a"},
			},
		},
		{
			name:   "removed and stated at once",
			reason: "what is stated is the newest",
			updates: []*pushv1.Update{
				full(held()),
				{Generation: 5, Listeners: listeners(1), Removed: []*pushv1.ResourceName{resource(listenerKind, "tcp/1")}},
			},
			want: func() *pushv1.Config { c := held(); c.Generation = 5; return c }(),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := state{config: test.held}
			for _, u := range test.updates {
				next, err := s.Next(u)
				if err != nil {
					t.Fatalf("update %d: %v", u.GetGeneration(), err)
				}
				s = next
			}
			if diff := cmp.Diff(test.want, s.config, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// full is the full update that states a config.
func full(c *pushv1.Config) *pushv1.Update {
	return &pushv1.Update{
		Generation: c.GetGeneration(), Full: true, Retained: c.GetRetained(),
		Listeners: c.GetListeners(), Routes: c.GetRoutes(), Pools: c.GetPools(),
	}
}

func TestDifferenceNeedsAFullUpdateOfItsSession(t *testing.T) {
	based, err := state{}.Next(full(held()))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]state{"nothing held": {}, "held from disk": {config: held()}, "held from an earlier session": based.Unbased()} {
		if _, err := s.Next(&pushv1.Update{Generation: 9}); !errors.Is(err, errNoBase) {
			t.Errorf("%s: got error %v, want %v", name, err, errNoBase)
		}
	}
}

func TestNextChangesNothingOfTheStateBefore(t *testing.T) {
	before, err := state{}.Next(full(held()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Next(&pushv1.Update{Generation: 5, Removed: []*pushv1.ResourceName{resource(routeKind, "a")}}); err != nil {
		t.Fatal(err)
	}
	again, err := before.Next(&pushv1.Update{Generation: 4})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(held(), again.config, protocmp.Transform()); diff != "" {
		t.Errorf("the state before is no longer what it was (-want +got):\n%s", diff)
	}
}

func TestLastGoodHasTheOldFormOfWhatWasRefused(t *testing.T) {
	const invalid = pushv1.RefusalReason_REFUSAL_REASON_INVALID
	newer := &pushv1.Config{
		Generation: 5,
		Listeners:  listeners(1, 2, 3),
		Routes:     []*pushv1.Route{route("a", "tcp/1", nil), route("b", "tcp/2", leaf("pb")), route("c", "tcp/3", nil)},
		Pools:      []*pushv1.Pool{pool("pb", "nonsense")},
	}
	tests := []struct {
		name    string
		reason  string
		refused []*pushv1.Refusal
		want    *pushv1.Config
	}{
		{
			name:    "port",
			reason:  "a port that is taken now may be free after a restart",
			refused: []*pushv1.Refusal{refusal(listenerKind, "tcp/3", pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE)},
			want:    newer,
		},
		{
			name:   "route and pool",
			reason: "a comes back with its pool, pb with its endpoints; c was never good",
			refused: []*pushv1.Refusal{
				refusal(poolKind, "pb", invalid), refusal(routeKind, "a", invalid), refusal(routeKind, "c", invalid),
			},
			want: &pushv1.Config{
				Generation: 5,
				Listeners:  listeners(1, 2, 3),
				Routes:     []*pushv1.Route{route("a", "tcp/1", leaf("pa")), route("b", "tcp/2", leaf("pb"))},
				Pools:      []*pushv1.Pool{pool("pa", "10.0.0.1"), pool("pb", "10.0.0.2")},
			},
		},
		{
			name:    "listener",
			reason:  "tcp/1 is as it was, tcp/3 is left out",
			refused: []*pushv1.Refusal{refusal(listenerKind, "tcp/1", invalid), refusal(listenerKind, "tcp/3", invalid)},
			want: &pushv1.Config{
				Generation: 5, Listeners: listeners(1, 2), Routes: newer.GetRoutes(), Pools: newer.GetPools(),
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := lastGood(newer, held(), test.refused)
			if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
