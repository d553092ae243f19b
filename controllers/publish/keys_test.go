// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

const someKey = "-----BEGIN PRIVATE KEY-----"

func identity(name, chain string) *pushv1.Identity {
	return &pushv1.Identity{Name: name, Chain: []byte(chain), Key: []byte(someKey)}
}

// locked is two routes: shop/a ends TLS by one, and asks its clients for certificates of
// clients; shop/b reaches p3 in TLS, as two.
func locked() *pushv1.Config {
	c := two()
	c.Routes[0].Tls = &pushv1.ServerTLS{
		DefaultIdentity:  "one",
		ClientValidation: &pushv1.ClientValidation{TrustBundles: []string{"clients"}},
	}
	c.Pools[2].Settings = &pushv1.PoolSettings{Tls: &pushv1.ClientTLS{Identity: "two", TrustBundles: []string{"servers"}}}
	c.Identities = []*pushv1.Identity{identity("one", "1"), identity("two", "2")}
	c.TrustBundles = []*pushv1.TrustBundle{{Name: "clients", Certificates: []byte("c")}, {Name: "servers", Certificates: []byte("s")}}
	c.TicketKeys = &pushv1.TicketKeys{Keys: [][]byte{[]byte("t1")}}
	return c
}

func lockedBut(change func(*pushv1.Config)) *pushv1.Config {
	c := locked()
	change(c)
	return c
}

func TestANewCertificateSendsItself(t *testing.T) {
	for _, test := range []struct {
		reason string
		change func(*pushv1.Config)
		want   *pushv1.Update
		since  map[string]uint64 // route -> generation
	}{
		{
			"an identity of clients' TLS",
			func(c *pushv1.Config) { c.Identities[0] = identity("one", "new") },
			&pushv1.Update{Identities: []*pushv1.Identity{identity("one", "new")}},
			map[string]uint64{"shop/a": 2, "shop/b": 1},
		},
		{
			"an identity of a pool",
			func(c *pushv1.Config) { c.Identities[1] = identity("two", "new") },
			&pushv1.Update{Identities: []*pushv1.Identity{identity("two", "new")}},
			map[string]uint64{"shop/a": 1, "shop/b": 2},
		},
		{
			"a trust bundle",
			func(c *pushv1.Config) { c.TrustBundles[0].Certificates = []byte("new") },
			&pushv1.Update{TrustBundles: []*pushv1.TrustBundle{{Name: "clients", Certificates: []byte("new")}}},
			map[string]uint64{"shop/a": 2, "shop/b": 1},
		},
		{
			"ticket keys, for which no route has to wait",
			func(c *pushv1.Config) { c.TicketKeys.Keys[0] = []byte("t2") },
			&pushv1.Update{TicketKeys: &pushv1.TicketKeys{Keys: [][]byte{[]byte("t2")}}},
			map[string]uint64{"shop/a": 1, "shop/b": 1},
		},
		{
			"an identity that is not needed any more",
			func(c *pushv1.Config) { c.Routes[0].Tls.DefaultIdentity, c.Identities = "two", c.Identities[1:] },
			&pushv1.Update{
				Routes:  []*pushv1.Route{lockedBut(func(c *pushv1.Config) { c.Routes[0].Tls.DefaultIdentity = "two" }).Routes[0]},
				Removed: []*pushv1.ResourceName{{Kind: pushv1.ResourceKind_RESOURCE_KIND_IDENTITY, Name: "one"}},
			},
			map[string]uint64{"shop/a": 2, "shop/b": 1},
		},
	} {
		base, next := newEdition(locked()), newEdition(lockedBut(test.change))
		base.settle(nil, 1)
		next.carry(base)
		next.settle(base, 2)
		test.want.Generation = 2
		if diff := cmp.Diff(test.want, difference(base, next), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
		since := map[string]uint64{}
		for name, r := range next.standing {
			since[name] = r.Since
		}
		if diff := cmp.Diff(test.since, since); diff != "" {
			t.Errorf("%s: since (-want +got):\n%s", test.reason, diff)
		}
		if base.digest() == next.digest() {
			t.Errorf("%s: the hash is the same", test.reason)
		}
	}
}

func TestARetainedRouteKeepsItsCertificates(t *testing.T) {
	book := NewBook(quiet)
	book.Publish(edge, locked())
	book.Publish(edge, &pushv1.Config{Retained: []string{"shop/a", "shop/b"}})
	newest, _ := book.views(edge)
	want := locked()
	got := newest.full()
	if diff := cmp.Diff(want.Identities, got.Identities, protocmp.Transform()); diff != "" {
		t.Errorf("identities (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.TrustBundles, got.TrustBundles, protocmp.Transform()); diff != "" {
		t.Errorf("trust bundles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.TicketKeys, got.TicketKeys, protocmp.Transform()); diff != "" {
		t.Errorf("ticket keys (-want +got):\n%s", diff)
	}
}

// What is published depends on what is to be served alone: a leader that takes over has
// no past, and is to publish the same.
func TestTicketKeysGoWithTheLastRouteThatNeedsThem(t *testing.T) {
	book, other := NewBook(quiet), NewBook(quiet)
	book.Publish(edge, locked())
	book.Publish(edge, two())
	other.Publish(edge, two())
	was, _ := book.views(edge)
	is, _ := other.views(edge)
	if was.digest() != is.digest() || was.full().GetTicketKeys() != nil {
		t.Errorf("ticket keys stay: %v", was.full())
	}
	// As long as they are needed, those of before do when the new ones are awaited.
	book.Publish(edge, locked())
	book.Publish(edge, lockedBut(func(c *pushv1.Config) { c.TicketKeys = nil }))
	if now, _ := book.views(edge); now.full().GetTicketKeys() == nil {
		t.Error("a route that ends TLS has lost its ticket keys")
	}
}

func TestARefusedIdentityCountsForItsRoutes(t *testing.T) {
	e := newEdition(locked())
	e.settle(nil, 1)
	refusal := &pushv1.Refusal{Message: "not this one"}
	refused := refusedRoutes(e, map[resource]*pushv1.Refusal{{pushv1.ResourceKind_RESOURCE_KIND_IDENTITY, "two"}: refusal})
	if len(refused) != 1 || refused["shop/b"] != refusal {
		t.Errorf("refused are %v", refused)
	}
}

// What is saved for proxies that start without the controller has no keys in it.
func TestNoKeyIsSaved(t *testing.T) {
	book := NewBook(quiet)
	book.Publish(edge, locked())
	config := book.Config(edge)
	saved, err := pushv1.EncodeSaved(edge.String(), config)
	if err != nil {
		t.Fatal(err)
	}
	text, err := proto.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"what the book shows": text, "what is saved": saved} {
		if bytes.Contains(b, []byte(someKey)) || bytes.Contains(b, []byte("t1")) {
			t.Errorf("%s has a key in it", what)
		}
		if !bytes.Contains(b, []byte("clients")) {
			t.Errorf("%s has no trust bundle in it", what)
		}
	}
	all, err := pushv1.EncodeSaved("a/b", locked())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(all, []byte(someKey)) || bytes.Contains(all, []byte("t1")) {
		t.Error("a config is saved with its keys")
	}
}
