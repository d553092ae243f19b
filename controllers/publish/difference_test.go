// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func TestUpdateSaysWhatDiffers(t *testing.T) {
	removed := func(kind pushv1.ResourceKind, name string) *pushv1.ResourceName {
		return &pushv1.ResourceName{Kind: kind, Name: name}
	}
	change := func(f func(*pushv1.Config)) *pushv1.Config {
		c := two()
		f(c)
		return c
	}
	retain := func(c *pushv1.Config, names ...string) *pushv1.Config {
		c.Retained = names
		return c
	}
	full := func(c *pushv1.Config) *pushv1.Update {
		return &pushv1.Update{
			Generation: 2, Full: true,
			Listeners: c.Listeners, Routes: c.Routes, Pools: c.Pools, Retained: c.Retained,
		}
	}
	withoutB := func(c *pushv1.Config) {
		c.Listeners, c.Routes, c.Pools = c.Listeners[:1], c.Routes[:1], c.Pools[:2]
	}
	for _, test := range []struct {
		reason     string
		base, next *pushv1.Config
		want       *pushv1.Update
	}{
		{"nothing", two(), two(), &pushv1.Update{Generation: 2}},
		{"no base", nil, two(), full(two())},
		{
			"an endpoint moves: one pool",
			two(),
			change(func(c *pushv1.Config) { c.Pools[1] = pool("p2", 22) }),
			&pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{pool("p2", 22)}},
		},
		{
			"a route goes, with what only it needs",
			two(),
			change(withoutB),
			&pushv1.Update{Generation: 2, Removed: []*pushv1.ResourceName{
				removed(pushv1.ResourceKind_RESOURCE_KIND_LISTENER, "tcp/1002"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_ROUTE, "shop/b"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_POOL, "p3"),
			}},
		},
		{
			"a route comes",
			change(withoutB),
			two(),
			&pushv1.Update{
				Generation: 2, Listeners: two().Listeners[1:], Routes: two().Routes[1:], Pools: two().Pools[2:],
			},
		},
		{
			"everything goes: removed by name, not full",
			two(),
			&pushv1.Config{},
			&pushv1.Update{Generation: 2, Removed: []*pushv1.ResourceName{
				removed(pushv1.ResourceKind_RESOURCE_KIND_LISTENER, "tcp/1001"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_LISTENER, "tcp/1002"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_ROUTE, "shop/a"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_ROUTE, "shop/b"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_POOL, "p1"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_POOL, "p2"),
				removed(pushv1.ResourceKind_RESOURCE_KIND_POOL, "p3"),
			}},
		},
		{"a route becomes retained", two(), retain(two(), "x"), full(retain(two(), "x"))},
		{"a retained route is no longer", retain(two(), "x"), two(), full(two())},
		{
			"an endpoint moves while a route is retained",
			retain(two(), "x"),
			retain(change(func(c *pushv1.Config) { c.Pools[1] = pool("p2", 22) }), "x"),
			&pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{pool("p2", 22)}},
		},
		{
			"a pool goes while a route is retained, which may need it",
			retain(two(), "x"),
			retain(change(withoutB), "x"),
			full(retain(change(withoutB), "x")),
		},
	} {
		var base *edition
		if test.base != nil {
			base = newEdition(test.base)
			base.settle(nil, 1)
		}
		next := newEdition(test.next)
		next.settle(base, 2)
		if diff := cmp.Diff(test.want, difference(base, next), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

func TestUnchangedResourcesAreShared(t *testing.T) {
	base := newEdition(two())
	base.settle(nil, 1)
	config := two()
	config.Pools[1] = pool("p2", 22)
	next := newEdition(config)
	next.settle(base, 2)
	for i := range base.routes {
		if base.routes[i] != next.routes[i] {
			t.Errorf("route %s is kept twice", base.routes[i].message.GetName())
		}
	}
	if base.pools[0] != next.pools[0] || base.pools[1] == next.pools[1] {
		t.Error("pool p1 is to be shared, p2 is not")
	}
}
