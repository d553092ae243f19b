// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"crypto/tls"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// trust makes an authority's certificate the trust bundle "clients".
func trust(t *testing.T, b plan.Builder) {
	t.Helper()
	bundle, err := tlsconf.ParseBundle(pushtest.NewAuthority(t).PEM)
	if err != nil {
		t.Fatal(err)
	}
	b.Identities.PutBundle("clients", bundle)
}

func TestClientsAreHeldAgainstTheBundlesOfNow(t *testing.T) {
	config, b := ending(t)
	trust(t, b)
	config.Routes[0].Hash = "the same"
	config.Routes[0].Tls.ClientValidation = &pushv1.ClientValidation{TrustBundles: []string{"clients"}, Required: true}
	config.Routes[0].Tls.MinVersion = tls.VersionTLS13
	first, refused := b.Build(config, nil)
	if len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	one := first.Routes["ns/one"].TLS
	if one.ClientAuth != tls.RequireAndVerifyClientCert || one.MinVersion != tls.VersionTLS13 {
		t.Errorf("clients are asked for %v, in TLS %#x at least", one.ClientAuth, one.MinVersion)
	}
	second, _ := b.Build(config, first)
	if second.Routes["ns/one"].TLS != one {
		t.Error("with the same bundle it is another tls.Config")
	}
	trust(t, b)
	third, _ := b.Build(config, second)
	if now := third.Routes["ns/one"].TLS; now == one || now.ClientCAs.Equal(one.ClientCAs) {
		t.Error("another bundle is not trusted")
	}
	needs := map[string]bool{}
	for kind, name := range third.Materials() {
		needs[kind.String()+" "+name] = true
	}
	if diff := cmp.Diff(map[string]bool{"RESOURCE_KIND_IDENTITY one": true, "RESOURCE_KIND_TRUST_BUNDLE clients": true}, needs); diff != "" {
		t.Errorf("what the plan uses (-want +got):\n%s", diff)
	}
}

func TestARouteThatCannotTellItsClientsIsRefused(t *testing.T) {
	for _, c := range []struct {
		reason string
		change func(*pushv1.ServerTLS)
		want   string
	}{
		{
			"a bundle that is not there",
			func(s *pushv1.ServerTLS) {
				s.ClientValidation = &pushv1.ClientValidation{TrustBundles: []string{"lost"}}
			},
			`trust bundle "lost" is not there`,
		},
		{
			"none",
			func(s *pushv1.ServerTLS) { s.ClientValidation = &pushv1.ClientValidation{Required: true} },
			"certificates of clients need a trust bundle",
		},
		{
			"an old version",
			func(s *pushv1.ServerTLS) { s.MinVersion = tls.VersionTLS11 },
			"minimum version 0x0302 is neither TLS 1.2 nor 1.3",
		},
		{
			"no version at all",
			func(s *pushv1.ServerTLS) { s.MinVersion = 1 << 16 },
			"minimum version 0xffff is neither TLS 1.2 nor 1.3",
		},
	} {
		config, b := ending(t)
		config = proto.CloneOf(config)
		c.change(config.Routes[0].Tls)
		made, refused := b.Build(config, nil)
		if diff := cmp.Diff("route ns/one: "+c.want+"\n", describe(refused)); diff != "" || made.Routes["ns/one"] != nil {
			t.Errorf("%s (-want +got):\n%s", c.reason, diff)
		}
	}
}
