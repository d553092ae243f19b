// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// ending is a config whose first route ends TLS, and a builder that has the identity.
func ending(t *testing.T) (*pushv1.Config, plan.Builder) {
	t.Helper()
	identity, err := tlsconf.Parse(pushtest.NewAuthority(t).Identity(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Builder{Identities: &tlsconf.Store{}}
	b.Identities.Put("one", identity)
	config := good()
	config.Routes[0].Tls = &pushv1.ServerTLS{DefaultIdentity: "one", Protocols: []string{"redis"}}
	return config, b
}

func TestRoutesEndTLS(t *testing.T) {
	config, b := ending(t)
	first, refused := b.Build(config, nil)
	if len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	one := first.Routes["ns/one"].TLS
	if one == nil || first.Routes["ns/two"].TLS != nil {
		t.Fatal("not the first route alone ends TLS")
	}
	if diff := cmp.Diff([]string{"redis"}, one.NextProtos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// The keys of session tickets are in the tls.Config: it must last.
	again := proto.CloneOf(config)
	again.Routes[0].Hash, again.Routes[0].Tree = "other", leaf("a")
	second, _ := b.Build(again, first)
	if second.Routes["ns/one"].TLS != one {
		t.Error("with the same settings it is another tls.Config")
	}
	again.Routes[0].Hash, again.Routes[0].Tls.Protocols = "another", nil
	third, _ := b.Build(again, second)
	if now := third.Routes["ns/one"].TLS; now == one || len(now.NextProtos) > 0 {
		t.Error("other settings are not taken")
	}
	again.Routes[0].Hash, again.Routes[0].Tls = "last", nil
	if last, _ := b.Build(again, third); last.Routes["ns/one"].TLS != nil {
		t.Error("TLS does not end ending")
	}
}

func TestARouteWhoseIdentityIsNotThereIsRefused(t *testing.T) {
	config, b := ending(t)
	const want = "route ns/one: identity \"one\" is not there\n"
	fresh, refused := plan.Build(config, nil)
	if diff := cmp.Diff(want, describe(refused)); diff != "" || fresh.Routes["ns/one"] != nil {
		t.Errorf("it is there: %v (-want +got):\n%s", fresh.Routes["ns/one"], diff)
	}

	first, _ := b.Build(config, nil)
	worse := proto.CloneOf(config)
	worse.Routes[0].Hash = "worse"
	worse.Routes[0].Tls.Identities = []*pushv1.ServerIdentity{{Host: "a.b", Identity: "two"}}
	second, refused := b.Build(worse, first)
	if diff := cmp.Diff("route ns/one: identity \"two\" of a.b is not there\n", describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	worse.Routes[0].Tls.Identities = []*pushv1.ServerIdentity{{Host: "a.b", Identity: "one"}, {Host: "a.b", Identity: "one"}}
	_, refused = b.Build(worse, second)
	if diff := cmp.Diff("route ns/one: host name a.b has two identities\n", describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if second.Routes["ns/one"].TLS != first.Routes["ns/one"].TLS {
		t.Error("the last good form does not go on")
	}
}
