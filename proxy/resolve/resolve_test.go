// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package resolve_test

import (
	"net/netip"
	"testing"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/resolve"
)

func answer(t *testing.T, tree string, addresses ...string) *resolve.Answer {
	t.Helper()
	parsed, err := dtab.ParseTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	a := &resolve.Answer{Tree: parsed, Endpoints: map[string][]namer.Endpoint{}}
	resolve.ForNames(parsed, func(id dtab.Path) {
		a.Endpoints[id.String()] = nil
		for _, address := range addresses {
			a.Endpoints[id.String()] = append(a.Endpoints[id.String()], namer.Endpoint{Addr: netip.MustParseAddrPort(address), Weight: 1})
		}
	})
	return a
}

func TestAnswersAreEqualWhenTheySayTheSame(t *testing.T) {
	different := []*resolve.Answer{
		nil,
		answer(t, "~"),
		answer(t, "!"),
		answer(t, "/a"),
		answer(t, "/a", "10.0.0.1:80"),
		answer(t, "/b", "10.0.0.1:80"),
		answer(t, "/a & /b"),
		answer(t, "2*/a & /b"),
		answer(t, "2*/a & /b", "10.0.0.1:80"),
		answer(t, "2*/a & (/b & /c)"),
	}
	for i, a := range different {
		for j, b := range different {
			if a.Equal(b) != (i == j) {
				t.Errorf("%d and %d: equal is %v", i, j, a.Equal(b))
			}
		}
	}
	if !answer(t, "2*/a & /b", "10.0.0.1:80").Equal(different[8]) {
		t.Error("what says the same is not equal")
	}
}
