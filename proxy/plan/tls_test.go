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

// ending is a config whose first listener ends TLS, and a builder that has the identity.
func ending(t *testing.T) (*pushv1.Config, plan.Builder) {
	t.Helper()
	identity, err := tlsconf.Parse(pushtest.NewAuthority(t).Identity(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	b := plan.Builder{Identities: &tlsconf.Store{}}
	b.Identities.Put("one", identity)
	config := good()
	config.Listeners[0].Tls = &pushv1.ServerTLS{DefaultIdentity: "one", Protocols: []string{"redis"}}
	return config, b
}

func TestListenersEndTLS(t *testing.T) {
	config, b := ending(t)
	first, refused := b.Build(config, nil)
	if len(refused) > 0 {
		t.Fatal(describe(refused))
	}
	one := first.Listeners["tcp/1"].TLS
	if one == nil || first.Listeners["tcp/2"].TLS != nil {
		t.Fatal("not the first listener alone ends TLS")
	}
	if diff := cmp.Diff([]string{"redis"}, one.NextProtos); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// The keys of session tickets are in the tls.Config: it must last.
	again := proto.CloneOf(config)
	again.Pools = again.Pools[:1]
	again.Routes = again.Routes[:0]
	second, _ := b.Build(again, first)
	if second.Listeners["tcp/1"].TLS != one {
		t.Error("with the same settings it is another tls.Config")
	}
	again.Listeners[0].Tls.Protocols = nil
	third, _ := b.Build(again, second)
	if now := third.Listeners["tcp/1"].TLS; now == one || len(now.NextProtos) > 0 {
		t.Error("other settings are not taken")
	}
	again.Listeners[0].Tls = nil
	if last, _ := b.Build(again, third); last.Listeners["tcp/1"].TLS != nil {
		t.Error("TLS does not end ending")
	}
}

func TestAListenerWhoseIdentityIsNotThereIsRefused(t *testing.T) {
	config, b := ending(t)
	const want = `listener tcp/1: listener "tcp/1": identity "one" is not there
route ns/one: listener "tcp/1" is not there
`
	fresh, refused := plan.Build(config, nil)
	if diff := cmp.Diff(want, describe(refused)); diff != "" || fresh.Listeners["tcp/1"] != nil {
		t.Errorf("it is there: %v (-want +got):\n%s", fresh.Listeners["tcp/1"], diff)
	}

	first, _ := b.Build(config, nil)
	worse := proto.CloneOf(config)
	worse.Listeners[0].Tls.Identities = []*pushv1.ServerIdentity{{Host: "a.b", Identity: "two"}}
	second, refused := b.Build(worse, first)
	if diff := cmp.Diff("listener tcp/1: listener \"tcp/1\": identity \"two\" of a.b is not there\n", describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	worse.Listeners[0].Tls.Identities = []*pushv1.ServerIdentity{{Host: "a.b", Identity: "one"}, {Host: "a.b", Identity: "one"}}
	_, refused = b.Build(worse, second)
	if diff := cmp.Diff("listener tcp/1: listener \"tcp/1\": host name a.b has two identities\n", describe(refused)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if second.Listeners["tcp/1"].TLS != first.Listeners["tcp/1"].TLS {
		t.Error("the last good form does not go on")
	}
}
