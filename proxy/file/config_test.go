// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/resolve"
)

// routes are those of two routers of which the first has one name on two servers,
// and the second a name that is not known.
func routes(t *testing.T) ([]route, *name) {
	t.Helper()
	s := &source{}
	s.add(linkerdtcp.Router{Label: "r", Servers: []linkerdtcp.Server{
		{Address: netip.MustParseAddrPort("0.0.0.0:80"), DstName: dtab.Path{"svc"}, MaxConnections: 5, Congestion: linkerdtcp.Congestion{Clients: "cubic"}},
		{
			Address: netip.MustParseAddrPort("[::1]:80"), DstName: dtab.Path{"svc"}, ConnectTimeout: time.Second,
			AttemptTimeout: time.Millisecond, Lifetime: time.Minute, Congestion: linkerdtcp.Congestion{Backends: "bbr"},
		},
	}}, nil)
	s.add(linkerdtcp.Router{Label: "q", Servers: []linkerdtcp.Server{
		{Address: netip.MustParseAddrPort("127.0.0.1:81"), DstName: dtab.Path{"svc"}, AttemptTimeout: 9 * time.Second},
	}}, nil)
	if len(s.names) != 2 {
		t.Fatalf("%d names, want 2", len(s.names))
	}
	return s.routes, s.names[0]
}

func TestNothingIsServedBeforeItIsKnown(t *testing.T) {
	all, _ := routes(t)
	if diff := cmp.Diff(&pushv1.Config{}, config(all), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServersBecomeListenersAndRoutes(t *testing.T) {
	all, known := routes(t)
	tree, err := dtab.ParseTree("3*/#/a & (/#/b & $ & /#/a)")
	if err != nil {
		t.Fatal(err)
	}
	known.state.Answer = &resolve.Answer{Tree: tree, Endpoints: map[string][]namer.Endpoint{
		"/#/a": {{Addr: netip.MustParseAddrPort("[::ffff:10.0.0.1]:1"), Weight: 0.5, Node: "n"}},
	}}
	const wantTree = `
		union {
			trees { weight: 3 tree { leaf { arm: "/#/a" pool: "r/svc: /#/a" } } }
			trees { weight: 1 tree { union {
				trees { weight: 1 tree { leaf { arm: "/#/b" pool: "r/svc: /#/b" } } }
				trees { weight: 1 tree { empty {} } }
				trees { weight: 1 tree { leaf { arm: "/#/a" pool: "r/svc: /#/a" } } }
			} } }
		}`
	want := &pushv1.Config{}
	if err := prototext.Unmarshal([]byte(`
		listeners { name: "tcp/0.0.0.0:80" address: "0.0.0.0" port: 80 max_connections: 5 congestion_control: "cubic" }
		listeners { name: "tcp/[::1]:80" address: "::1" port: 80 }
		routes { name: "r/svc" listener: "tcp/0.0.0.0:80" timeouts { connect { seconds: 5 } idle {} } tree {`+wantTree+`} }
		routes { name: "r/svc@[::1]:80" listener: "tcp/[::1]:80" tree {`+wantTree+`} congestion_control: "bbr"
			timeouts { connect { seconds: 1 } attempt { nanos: 1000000 } idle {} lifetime { seconds: 60 } } }
		pools { name: "r/svc: /#/a" endpoints { address: "10.0.0.1" port: 1 weight: 0.5 node: "n" } }
		pools { name: "r/svc: /#/b" }`), want); err != nil {
		t.Fatal(err)
	}
	got := config(all)
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&pushv1.Route{}, "hash")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Routes[0].GetHash() == "" || got.Routes[0].GetHash() == got.Routes[1].GetHash() {
		t.Errorf("hashes %q and %q", got.Routes[0].GetHash(), got.Routes[1].GetHash())
	}
	if _, refused := plan.Build(got, nil); len(refused) > 0 {
		t.Errorf("refused: %v", refused)
	}
}

func TestOneAttemptMayTakeLongerThanTheDefaultForAll(t *testing.T) {
	all, _ := routes(t)
	if got := timeouts(all[2].server).GetConnect().AsDuration(); got != 9*time.Second {
		t.Errorf("connect timeout %s, want 9s", got)
	}
}

func TestRoutesThatGoNowhereAreServedAsSuch(t *testing.T) {
	all, known := routes(t)
	for kind, want := range map[dtab.Kind]string{dtab.Neg: "neg {}", dtab.Fail: "fail {}", dtab.Empty: "empty {}"} {
		known.state.Answer = &resolve.Answer{Tree: dtab.Tree[dtab.Path]{Kind: kind}}
		wanted := &pushv1.Tree{}
		if err := prototext.Unmarshal([]byte(want), wanted); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, config(all).GetRoutes()[0].GetTree(), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}
