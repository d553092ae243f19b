// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/plan"
)

// named is a config of one listener whose routes are for hosts, by the routes' names.
func named(routes ...*pushv1.Route) *pushv1.Config {
	for _, r := range routes {
		r.Listener, r.Tree = "tcp/1", leaf("a")
	}
	return &pushv1.Config{
		Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: 1}},
		Routes:    routes,
		Pools:     []*pushv1.Pool{pool("a", 10)},
	}
}

func TestARouteIsFoundByNameAndProtocol(t *testing.T) {
	l := build(t, named(
		&pushv1.Route{Name: "exact", Hostnames: []string{"a.example.com"}},
		&pushv1.Route{Name: "wild", Hostnames: []string{"*.example.com"}},
		&pushv1.Route{Name: "deep", Hostnames: []string{"*.deep.Example.com"}, MatchProtocols: []string{"x", "y"}},
		&pushv1.Route{Name: "any-h2", MatchProtocols: []string{"h2"}},
		&pushv1.Route{Name: "wild-h2", Hostnames: []string{"*.example.com"}, MatchProtocols: []string{"h2"}},
	), nil).Listeners["tcp/1"]
	for _, test := range []struct {
		name, protocols, want string
	}{
		{"a.example.com", "", "exact"},
		{"a.example.com", "h2", "exact"},
		{"b.example.com", "", "wild"},
		{"b.a.example.com", "", "wild"},
		{"b.example.com", "z h2", "wild-h2"},
		{"b.deep.example.com", "y", "deep"},
		{"b.deep.example.com", "z", "wild"},
		{"deep.example.com", "y", "wild"},
		{"example.com", "h2", "any-h2"},
		{"", "h2", "any-h2"},
		{"example.com", "", `no route for host name "example.com" has a protocol that the client offers`},
		{".example.com", "z", `no route for host name ".example.com" has a protocol that the client offers`},
	} {
		r, why := l.RouteFor(test.name, strings.Fields(test.protocols))
		got := ""
		if r != nil {
			got = r.Name
		} else {
			got = why.Error()
		}
		if got != test.want {
			t.Errorf("%q with %q gives %s, want %s", test.name, test.protocols, got, test.want)
		}
	}
}

func TestANameIsRefusedThatAnotherRouteHas(t *testing.T) {
	config := named(
		&pushv1.Route{Name: "a", Hostnames: []string{"a.test", "*.test"}},
		&pushv1.Route{Name: "b", Hostnames: []string{"b.test", "A.test"}},
		&pushv1.Route{Name: "c", Hostnames: []string{"*.test"}},
		&pushv1.Route{Name: "d", Hostnames: []string{"a.test"}, MatchProtocols: []string{"x"}},
		&pushv1.Route{Name: "e", Hostnames: []string{"a.test"}, MatchProtocols: []string{"y", "x"}},
		&pushv1.Route{Name: "f"},
		&pushv1.Route{Name: "g"},
		&pushv1.Route{Name: "h", Hostnames: []string{"1.2.3.4"}},
		&pushv1.Route{Name: "i", Hostnames: []string{"i.test", "i.test"}},
		&pushv1.Route{Name: "j", MatchProtocols: []string{""}},
	)
	now, refused := plan.Build(config, nil)
	want := `route b: host name a.test of listener "tcp/1" is route "a"'s
route c: host name *.test of listener "tcp/1" is route "a"'s
route e: host name a.test of listener "tcp/1" is route "d"'s
route g: listener "tcp/1" already has route "f"
route h: "1.2.3.4" is an IP address, and clients ask for host names only; it may be the default identity's
route i: host name i.test comes twice
route j: ALPN protocol "" is not of 1 to 255 bytes
`
	if diff := cmp.Diff(want, describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// What is refused has no part: its other name is free.
	if r, why := now.Listeners["tcp/1"].RouteFor("b.test", nil); r == nil || r.Name != "a" {
		t.Errorf("b.test goes to %v, %v", r, why)
	}
}

func TestARetainedRouteKeepsItsNamesUnlessTheyAreTaken(t *testing.T) {
	old := build(t, named(
		&pushv1.Route{Name: "a", Hostnames: []string{"a.test"}}, &pushv1.Route{Name: "b", Hostnames: []string{"b.test"}},
	), nil)
	config := named(&pushv1.Route{Name: "c", Hostnames: []string{"b.test"}}, &pushv1.Route{Name: "d"})
	config.Retained = []string{"a", "b"}
	now := build(t, config, old)
	l := now.Listeners["tcp/1"]
	for name, want := range map[string]string{"a.test": "a", "b.test": "c", "x": "d"} {
		if r, _ := l.RouteFor(name, nil); r == nil || r.Name != want {
			t.Errorf("%s goes to %v, want %s", name, r, want)
		}
	}
	if now.Routes["b"] != nil || l.Now(old.Routes["a"]) != now.Routes["a"] || l.Now(old.Routes["b"]) != old.Routes["b"] {
		t.Error("the newest forms are not those of the plan")
	}
}

func TestWhoIsTrustedIsReadFromAConfig(t *testing.T) {
	config := good()
	config.Listeners[0].ProxyProtocol = &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"10.1.0.0/16", "::ffff:192.0.2.0/120", "2001:db8::/32"}}
	p := build(t, config, nil)
	trusts := p.Listeners["tcp/1"].ProxyProtocol
	for address, want := range map[string]bool{
		"10.1.2.3": true, "10.2.0.1": false, "192.0.2.9": true, "192.0.3.9": false, "2001:db8::1": true, "::1": false,
	} {
		if trusts.Trusts(netip.MustParseAddr(address)) != want {
			t.Errorf("%s is trusted: %v", address, !want)
		}
	}
	if p.Listeners["tcp/2"].ProxyProtocol != nil {
		t.Error("the other listener trusts somebody")
	}
	config.Listeners[0].ProxyProtocol.TrustedCidrs[0] = "10.1.0.0"
	_, refused := plan.Build(config, p)
	want := "listener tcp/1: listener \"tcp/1\": \"10.1.0.0\" of those who are trusted to send a PROXY header is no CIDR, such as 10.0.0.0/8\n"
	if diff := cmp.Diff(want, describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
