// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/resolve"
)

func TestAddressesComeWithWeightAndNode(t *testing.T) {
	got, err := decodeAddr([]byte(`{"type":"bound","addrs":[
		{"ip":"::ffff:10.0.0.2","port":80,"meta":{"endpoint_addr_weight":2.5,"nodeName":"n1"}},
		{"ip":"fd00::1","port":80,"meta":{}},
		{"ip":"10.0.0.1","port":80,"meta":{"endpoint_addr_weight":0}},
		{"ip":"10.0.0.2","port":80}],"meta":{"authority":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range got.Endpoints {
		list = append(list, e.Addr.String()+" "+e.Node)
	}
	if diff := cmp.Diff([]string{"10.0.0.2:80 n1", "[fd00::1]:80 "}, list); diff != "" || got.Endpoints[0].Weight != 2.5 {
		t.Errorf("%+v (-want +got):\n%s", got, diff)
	}
}

func TestWhatIsNoTreeIsRefused(t *testing.T) {
	deep := strings.Repeat(`{"type":"union","union":[{"weight":1,"tree":`, maxDepth) + leaf("/#/a", 1) + strings.Repeat("}]}", maxDepth)
	wide := strings.Repeat(`{"weight":1,"tree":{"type":"neg"}},`, maxNodes) + `{"weight":1,"tree":{"type":"neg"}}`
	for _, test := range []struct{ reason, text, want string }{
		{"nothing", "", "unexpected end of JSON input"},
		{"no type", "{}", `a node of type ""`},
		{"a leaf without a name", `{"type":"leaf"}`, "a leaf without a name or an address"},
		{"a leaf without addresses", `{"type":"leaf","bound":{"id":"/#/a"}}`, "a leaf without a name or an address"},
		{"a name that is none", leaf("#/a"), "the name of a leaf: "},
		{"an address of no type", `{"type":"leaf","bound":{"id":"/#/a","addr":{}}}`, `/#/a: the address is of type ""`},
		{"port 0", leaf("/#/a", 0), "port 0"},
		{"a negative weight", union("-1.0", leaf("/#/a")), "without a weight of at least 0"},
		{"no weight", `{"type":"union","union":[{"tree":{"type":"neg"}}]}`, "without a weight of at least 0"},
		{"no tree", `{"type":"union","union":[{"weight":1}]}`, "or without a tree"},
		{"too deep", deep, "more than 4096 nodes or 100 levels"},
		{"too wide", `{"type":"union","union":[` + wide + `]}`, "more than 4096 nodes or 100 levels"},
	} {
		if _, err := decodeTree([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.reason, err, test.want)
		}
	}
}

// FuzzDecode holds what the data plane relies on against any answer.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(leaf("/#/a", 1, 2)))
	f.Add([]byte(union("0.5", leaf("/#/a", 1), "1e300", union("2", `{"type":"empty"}`))))
	f.Add([]byte(bindings(1)))
	f.Add([]byte(`{"type":"bound","addrs":[{"ip":"fe80::1%eth0","port":1,"meta":{"endpoint_addr_weight":1e400}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		check := func(a namer.Addr) {
			for i, e := range a.Endpoints {
				if !e.Addr.IsValid() || e.Addr.Port() == 0 || e.Addr.Addr().Zone() != "" || !(e.Weight > 0) || math.IsInf(e.Weight, 0) {
					t.Errorf("endpoint %+v", e)
				}
				if i > 0 && a.Endpoints[i-1].Addr.Compare(e.Addr) >= 0 {
					t.Error("endpoints are not in order")
				}
			}
		}
		if a, err := decodeAddr(text); err == nil {
			check(a)
		}
		if tree, err := decodeTree(text); err == nil {
			resolve.ForNames(tree, func(b bound) { check(b.addr) })
		}
	})
}
