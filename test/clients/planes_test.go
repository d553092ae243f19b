// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/loop"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/portable"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
	"github.com/wye-dev/wye/test/ports"
)

// site is servers on one port of a proxy, and an authority that all trust.
type site struct {
	t         *testing.T
	authority *pushtest.Authority
	ca        string // file of the authority
	port      int
	config    *pushv1.Config
	builder   plan.Builder
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{
		t: t, authority: pushtest.NewAuthority(t), port: ports.Free(t),
		builder: plan.Builder{Identities: &tlsconf.Store{}},
	}
	s.ca = s.file("ca.pem", string(s.authority.PEM))
	s.config = &pushv1.Config{Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: uint32(s.port)}}}
	return s
}

// file writes a file and returns its name.
func (s *site) file(name, content string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// identity is files with a certificate and its key.
func (s *site) identity(hosts ...string) (chain, key string) {
	s.t.Helper()
	chainPEM, keyPEM := s.authority.Identity(s.t, hosts...)
	return s.file("chain.pem", string(chainPEM)), s.file("key.pem", string(keyPEM))
}

// route adds a route to a port of this machine, for host names.
func (s *site) route(name string, backend int, hosts ...string) *pushv1.Route {
	s.config.Pools = append(s.config.Pools, &pushv1.Pool{
		Name: name, Endpoints: []*pushv1.Endpoint{{Address: "127.0.0.1", Port: uint32(backend)}},
	})
	r := &pushv1.Route{
		Name: name, Listener: "tcp/1", Hostnames: hosts,
		Tree: &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: name, Pool: name}}},
	}
	s.config.Routes = append(s.config.Routes, r)
	return r
}

// onEveryPlane serves the site by each data plane in turn.
func (s *site) onEveryPlane(test func(t *testing.T)) {
	s.t.Helper()
	loops, err := loop.New(loop.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	for name, driver := range map[string]listener.Driver{"loops": loops, "goroutines": portable.New(portable.Options{})} {
		s.t.Run(name, func(t *testing.T) {
			set := listener.NewSet(driver, listener.Options{Address: netip.MustParseAddr("127.0.0.1")})
			defer func() {
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				set.Drain(ended)
			}()
			next, refused := s.builder.Build(s.config, nil)
			if refused = append(refused, set.Install(next)...); len(refused) > 0 {
				t.Fatalf("refused: %v", refused)
			}
			test(t)
		})
	}
}
