// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/plan"
)

func leaf(name string) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: name, Pool: name}}}
}

func union(weightA, weightB float64) *pushv1.Tree {
	return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: &pushv1.Union{Trees: []*pushv1.Weighted{
		{Weight: weightA, Tree: leaf("a")}, {Weight: weightB, Tree: leaf("b")},
	}}}}
}

func pool(name string, ports ...uint32) *pushv1.Pool {
	p := &pushv1.Pool{Name: name}
	for _, port := range ports {
		p.Endpoints = append(p.Endpoints, &pushv1.Endpoint{Address: "127.0.0.1", Port: port})
	}
	return p
}

// good is a config with two listeners, a route on each, and two pools.
func good() *pushv1.Config {
	return &pushv1.Config{
		Generation: 7,
		Listeners:  []*pushv1.Listener{{Name: "tcp/1", Port: 1}, {Name: "tcp/2", Port: 2}},
		Routes: []*pushv1.Route{
			{Name: "ns/one", Listener: "tcp/1", Hash: "h1", Tree: union(9, 1)},
			{Name: "ns/two", Listener: "tcp/2", Hash: "h2", Tree: leaf("b")},
		},
		Pools: []*pushv1.Pool{pool("a", 10), pool("b", 20, 21)},
	}
}

func build(t *testing.T, config *pushv1.Config, old *plan.Plan) *plan.Plan {
	t.Helper()
	p, refused := plan.Build(config, old)
	if len(refused) > 0 {
		t.Fatalf("refused:\n%s", describe(refused))
	}
	return p
}

func describe(refused []*pushv1.Refusal) string {
	var b strings.Builder
	for _, r := range refused {
		kind := strings.ToLower(strings.TrimPrefix(r.GetResource().GetKind().String(), "RESOURCE_KIND_"))
		fmt.Fprintf(&b, "%s %s: %s\n", kind, r.GetResource().GetName(), r.GetMessage())
		if r.GetReason() != pushv1.RefusalReason_REFUSAL_REASON_INVALID {
			fmt.Fprintf(&b, "with reason %s\n", r.GetReason())
		}
	}
	return b.String()
}

func TestBuildReadsAConfig(t *testing.T) {
	config := good()
	config.Routes[0].Timeouts = &pushv1.Timeouts{
		Connect: durationpb.New(time.Second), Idle: durationpb.New(0), Lifetime: durationpb.New(time.Minute),
		Attempt: durationpb.New(time.Millisecond),
	}
	config.Routes[0].OnUnavailable = pushv1.OnUnavailable_ON_UNAVAILABLE_REDISTRIBUTE
	config.Listeners[0].CongestionControl, config.Routes[1].CongestionControl = "cubic", "tcp-x_15-letter"
	p := build(t, config, nil)
	one, two := p.Listeners["tcp/1"].Route, p.Listeners["tcp/2"].Route
	if p.Generation != 7 || one != p.Routes["ns/one"] || two != p.Routes["ns/two"] || p.Listeners["tcp/2"].Port != 2 {
		t.Errorf("got %+v", p)
	}
	if diff := cmp.Diff(plan.Timeouts{Connect: time.Second, Lifetime: time.Minute, Attempt: time.Millisecond}, one.Timeouts); diff != "" {
		t.Errorf("timeouts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(plan.Timeouts{Connect: 5 * time.Second, Idle: time.Hour}, two.Timeouts); diff != "" {
		t.Errorf("default timeouts (-want +got):\n%s", diff)
	}
	if !one.Redistribute || two.Redistribute {
		t.Errorf("redistribute is %v and %v, want true and false", one.Redistribute, two.Redistribute)
	}
	if p.Listeners["tcp/1"].CongestionControl != "cubic" || p.Listeners["tcp/2"].CongestionControl != "" ||
		one.CongestionControl != "" || two.CongestionControl != "tcp-x_15-letter" {
		t.Error("the congestion controls are not those of the config")
	}
	if one.Pools[0] != p.Pools["a"] || one.Pools[1] != p.Pools["b"] || p.Pools["b"].Len() != 2 {
		t.Error("the route's pools are not the plan's")
	}
}

func TestListenersShareAPortOnDifferentAddresses(t *testing.T) {
	config := good()
	config.Listeners = []*pushv1.Listener{
		{Name: "tcp/1", Port: 1, Address: "::ffff:127.0.0.1", MaxConnections: 9}, {Name: "tcp/2", Port: 1, Address: "127.0.0.2"},
	}
	p := build(t, config, nil)
	want := plan.Listener{
		Name: "tcp/1", Address: netip.MustParseAddr("127.0.0.1"), Port: 1, MaxConnections: 9, Route: p.Routes["ns/one"],
	}
	if *p.Listeners["tcp/1"] != want || p.Listeners["tcp/2"].Address != netip.MustParseAddr("127.0.0.2") {
		t.Errorf("got %+v and %+v", *p.Listeners["tcp/1"], *p.Listeners["tcp/2"])
	}
	config.Listeners[0].Address = "nonsense"
	now, refused := plan.Build(config, p)
	if len(refused) != 1 || *now.Listeners["tcp/1"] != want {
		t.Errorf("got %+v, refused:\n%s", *now.Listeners["tcp/1"], describe(refused))
	}
}

func TestWhatHasNotChangedIsTakenOver(t *testing.T) {
	old := build(t, good(), nil)
	config := good()
	config.Pools[1] = pool("b", 20, 22)
	now := build(t, config, old)
	if now.Pools["a"] != old.Pools["a"] || now.Pools["b"] == old.Pools["b"] {
		t.Error("want the pool that changed to be new, and the other the same")
	}
	if now.Routes["ns/one"].Chooser != old.Routes["ns/one"].Chooser || now.Routes["ns/one"].Pools[1] != now.Pools["b"] {
		t.Error("want the route to keep its chooser and to have the new pool")
	}
	again := build(t, config, now)
	if again.Routes["ns/one"] != now.Routes["ns/one"] {
		t.Error("want an unchanged route to be the same")
	}
	config.Routes[0].Hash, config.Routes[0].Tree = "h3", union(1, 1)
	if changed := build(t, config, now); changed.Routes["ns/one"].Chooser == now.Routes["ns/one"].Chooser {
		t.Error("want a changed tree to have a new chooser")
	}
}

func TestCountersOfAPoolThatLeavesAndReturnsGoOn(t *testing.T) {
	p := build(t, good(), nil)
	lease, _ := p.Pools["a"].Pick(balancer.Ask{})
	lease.Opened()
	without := good()
	without.Pools, without.Routes = without.Pools[1:], without.Routes[1:]
	for range 3 {
		p = build(t, without, p)
	}
	if p.Pools["a"] != nil {
		t.Fatal("the pool is still there")
	}
	p = build(t, good(), p)
	if p.Pools["a"].Idle() {
		t.Error("the pool came back without its load")
	}
	lease.Release()
	if !p.Pools["a"].Idle() {
		t.Error("the lease was of another pool")
	}
}

func TestBuildRefusesWhatIsBadByNameAndPlace(t *testing.T) {
	nan := math.NaN()
	deep := leaf("a")
	for range 101 {
		deep = &pushv1.Tree{Kind: &pushv1.Tree_Alt{Alt: &pushv1.Alt{Trees: []*pushv1.Tree{deep}}}}
	}
	wide := &pushv1.Alt{}
	for range 5000 {
		wide.Trees = append(wide.Trees, leaf("a"))
	}
	for _, test := range []struct {
		reason string
		spoil  func(*pushv1.Config)
		want   string
	}{
		{"port 0", func(c *pushv1.Config) { c.Listeners[1].Port = 0 }, `listener tcp/2: port 0 of listener "tcp/2" is not in 1 to 65535
route ns/two: listener "tcp/2" is not there
`},
		{"port too large", func(c *pushv1.Config) { c.Listeners[1].Port = 65536; c.Routes = c.Routes[:1] }, `listener tcp/2: port 65536 of listener "tcp/2" is not in 1 to 65535
`},
		{"two listeners, one port", func(c *pushv1.Config) { c.Listeners[1].Port = 1; c.Routes = c.Routes[:1] }, `listener tcp/2: port 1 of listener "tcp/2" is listener "tcp/1"'s
`},
		{"an address that is a name", func(c *pushv1.Config) { c.Listeners[1].Address = "localhost"; c.Routes = c.Routes[:1] }, `listener tcp/2: listener "tcp/2": address "localhost" is not an IP address
`},
		{"an address with a zone", func(c *pushv1.Config) { c.Listeners[1].Address = "fe80::1%eth0"; c.Routes = c.Routes[:1] }, `listener tcp/2: listener "tcp/2": address "fe80::1%eth0" has a zone
`},
		{"two listeners, one port on one address", func(c *pushv1.Config) {
			c.Listeners[0].Address, c.Listeners[1].Address, c.Listeners[1].Port = "127.0.0.1", "::ffff:127.0.0.1", 1
			c.Routes = c.Routes[:1]
		}, `listener tcp/2: port 1 of listener "tcp/2" is listener "tcp/1"'s
`},
		{"negative timeout of an attempt", func(c *pushv1.Config) { c.Routes[0].Timeouts = &pushv1.Timeouts{Attempt: durationpb.New(-1)} }, `route ns/one: timeout of one attempt to connect -1ns is negative
`},
		{"congestion control of a listener", func(c *pushv1.Config) {
			c.Listeners[1].CongestionControl = "cubic reno"
			c.Routes = c.Routes[:1]
		}, `listener tcp/2: listener "tcp/2": congestion control "cubic reno" is not of at most 15 of a-z, 0-9, _ and -
`},
		{"congestion control of a route", func(c *pushv1.Config) { c.Routes[0].CongestionControl = strings.Repeat("a", 16) }, `route ns/one: congestion control "aaaaaaaaaaaaaaaa" is not of at most 15 of a-z, 0-9, _ and -
`},
		{"listener twice", func(c *pushv1.Config) { c.Listeners = append(c.Listeners, c.Listeners[1]) }, `listener tcp/2: listener "tcp/2" is there twice
`},
		{"two routes, one listener", func(c *pushv1.Config) { c.Routes[1].Listener = "tcp/1" }, `route ns/two: listener "tcp/1" already has route "ns/one"
`},
		{"route twice", func(c *pushv1.Config) { c.Routes = append(c.Routes, c.Routes[1]) }, `route ns/two: route "ns/two" is there twice
`},
		{"no such listener", func(c *pushv1.Config) { c.Routes[1].Listener = "tcp/3" }, `route ns/two: listener "tcp/3" is not there
`},
		{"no such pool", func(c *pushv1.Config) { c.Routes[1].Tree = leaf("c") }, `route ns/two: arm "c" goes to pool "c", which is not there
`},
		{"weight is no number", func(c *pushv1.Config) { c.Routes[0].Tree = union(nan, 1) }, `route ns/one: weight NaN is not a finite number of at least 0
`},
		{"negative weight", func(c *pushv1.Config) { c.Routes[0].Tree = union(1, -1) }, `route ns/one: weight -1 is not a finite number of at least 0
`},
		{"no tree", func(c *pushv1.Config) { c.Routes[0].Tree = nil }, `route ns/one: the tree has a node without a kind, or of one that this version does not know
`},
		{"tree too deep", func(c *pushv1.Config) { c.Routes[0].Tree = deep }, `route ns/one: the tree is more than 100 levels deep
`},
		{"tree too large", func(c *pushv1.Config) { c.Routes[0].Tree = &pushv1.Tree{Kind: &pushv1.Tree_Alt{Alt: wide}} }, `route ns/one: the tree has more than 4096 nodes
`},
		{"connect timeout 0", func(c *pushv1.Config) { c.Routes[0].Timeouts = &pushv1.Timeouts{Connect: durationpb.New(0)} }, `route ns/one: connect timeout is 0, which leaves no time to connect
`},
		{"negative idle timeout", func(c *pushv1.Config) { c.Routes[0].Timeouts = &pushv1.Timeouts{Idle: durationpb.New(-time.Second)} }, `route ns/one: idle timeout -1s is negative
`},
		{"unknown behaviour", func(c *pushv1.Config) { c.Routes[0].OnUnavailable = 9 }, `route ns/one: on_unavailable is 9, which this version does not know
`},
		{"a name for an address", func(c *pushv1.Config) { c.Pools[1].Endpoints[1].Address = "redis.local"; c.Routes = nil }, `pool b: address "redis.local" of endpoint 1 is not an IP address
`},
		{"zone", func(c *pushv1.Config) { c.Pools[1].Endpoints[0].Address = "fe80::1%eth0"; c.Routes = nil }, `pool b: address "fe80::1%eth0" of endpoint 0 has a zone
`},
		{"endpoint port", func(c *pushv1.Config) { c.Pools[1].Endpoints[0].Port = 0; c.Routes = nil }, `pool b: port 0 of endpoint 127.0.0.1 is not in 1 to 65535
`},
		{"endpoint weight", func(c *pushv1.Config) { c.Pools[1].Endpoints[0].Weight = -2; c.Routes = nil }, `pool b: weight -2 of endpoint 127.0.0.1 is not a finite number above 0
`},
		{"pool twice", func(c *pushv1.Config) { c.Pools = append(c.Pools, c.Pools[0]) }, `pool a: pool "a" is there twice
`},
		{"names missing", func(c *pushv1.Config) {
			c.Pools[0].Name, c.Listeners[0].Name, c.Routes[0].Name = "", "", ""
			c.Routes[1].Tree = leaf("b")
		}, `listener : the listener on port 1 has no name
route : the route on listener "tcp/1" has no name
pool : a pool of 1 endpoints has no name
`},
	} {
		config := good()
		test.spoil(config)
		_, refused := plan.Build(config, nil)
		if diff := cmp.Diff(test.want, describe(refused)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
		if _, again := plan.Build(config, nil); describe(again) != describe(refused) {
			t.Errorf("%s: the refusals change while their cause does not", test.reason)
		}
	}
}

func TestARefusedRouteKeepsItsLastGoodForm(t *testing.T) {
	old := build(t, good(), nil)
	config := good()
	config.Routes[0].Tree, config.Routes[0].Hash = leaf("missing"), "bad"
	config.Pools = config.Pools[1:] // what its last form needs is gone from the config
	now, refused := plan.Build(config, old)
	if diff := cmp.Diff("route ns/one: arm \"missing\" goes to pool \"missing\", which is not there\n", describe(refused)); diff != "" {
		t.Error(diff)
	}
	if now.Listeners["tcp/1"].Route != old.Routes["ns/one"] || now.Pools["a"] != old.Pools["a"] {
		t.Error("want the last good form with its pools")
	}
	// Pools that are there in a newer form are taken in that.
	config.Pools = []*pushv1.Pool{pool("a", 11), pool("b", 20, 21)}
	now, _ = plan.Build(config, now)
	if now.Routes["ns/one"].Pools[0] != now.Pools["a"] || now.Pools["a"] == old.Pools["a"] {
		t.Error("want the last good form over the pools of now")
	}
	// Put right, it is served again.
	if now = build(t, good(), now); now.Routes["ns/one"].Hash != "h1" {
		t.Error("want the route as the config has it")
	}
}

func TestARetainedRouteStaysWithItsListenerAndPools(t *testing.T) {
	old := build(t, good(), nil)
	now := build(t, &pushv1.Config{Retained: []string{"ns/one", "ns/unknown"}}, old)
	if now.Listeners["tcp/1"].Route != old.Routes["ns/one"] || now.Pools["b"] != old.Pools["b"] || len(now.Routes) != 1 || len(now.Listeners) != 1 {
		t.Errorf("got %+v", now)
	}
}

func TestAKeptRouteYieldsItsListener(t *testing.T) {
	old := build(t, good(), nil)
	config := good()
	config.Routes = config.Routes[1:]
	config.Routes[0].Name, config.Routes[0].Listener = "ns/new", "tcp/1"
	config.Retained = []string{"ns/one"}
	now := build(t, config, old)
	if now.Listeners["tcp/1"].Route.Name != "ns/new" || now.Routes["ns/one"] != nil {
		t.Error("want the listener to go to the route that the config gives it to")
	}
}

func TestARefusedPoolKeepsItsEndpoints(t *testing.T) {
	old := build(t, good(), nil)
	config := good()
	config.Pools[0].Endpoints[0].Port = 99999
	now, refused := plan.Build(config, old)
	if len(refused) != 1 || now.Pools["a"] != old.Pools["a"] || now.Routes["ns/one"] == nil {
		t.Errorf("refused:\n%s", describe(refused))
	}
}

func TestARefusedListenerKeepsItsPort(t *testing.T) {
	old := build(t, good(), nil)
	config := good()
	config.Listeners[0].Port = 0
	now, refused := plan.Build(config, old)
	if len(refused) != 1 || now.Listeners["tcp/1"].Port != 1 || now.Listeners["tcp/1"].Route == nil {
		t.Errorf("refused:\n%s", describe(refused))
	}
}

// FuzzBuild holds what listeners rely on against any config.
func FuzzBuild(f *testing.F) {
	for _, config := range []*pushv1.Config{
		good(), {}, {Retained: []string{"ns/one"}}, balanced(&pushv1.Balancing{Policy: 2, SlowStart: durationpb.New(time.Minute)}, endpoints(1, 2)...),
	} {
		data, err := proto.Marshal(config)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var config pushv1.Config
		if proto.Unmarshal(data, &config) != nil {
			return
		}
		old, _ := plan.Build(good(), nil)
		p, _ := plan.Build(&config, old)
		for name, r := range p.Routes {
			if r.Name != name || p.Listeners[r.Listener] == nil || p.Listeners[r.Listener].Now(r) != r || p.Listeners[r.Listener].Now(&plan.Route{Name: name}) != r {
				t.Errorf("route %q is not on its listener", name)
			}
			if len(r.Pools) != len(r.Chooser.Arms()) || r.Timeouts.Connect <= 0 || r.Timeouts.Idle < 0 || r.Timeouts.Lifetime < 0 {
				t.Errorf("route %q is %+v", name, r)
			}
			for i, arm := range r.Chooser.Arms() {
				if r.Pools[i] == nil || r.Pools[i] != p.Pools[arm.Pool] {
					t.Errorf("arm %q of route %q has the wrong pool", arm.Arm, name)
				}
			}
			r.Chooser.Next(netip.Addr{})
		}
		for name, l := range p.Listeners {
			if l.Name != name || l.Port == 0 {
				t.Errorf("listener %q is %+v", name, l)
			}
		}
		for _, pool := range p.Pools {
			if lease, ok := pool.Pick(balancer.Ask{}); ok {
				lease.Release()
			}
		}
	})
}
