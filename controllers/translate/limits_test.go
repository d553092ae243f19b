// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestHandshakesAreLimitedWhereThereAreAny(t *testing.T) {
	config := &pushv1.Config{
		Listeners: []*pushv1.Listener{
			{Name: "header", ProxyProtocol: &pushv1.AcceptedProxyProtocol{TrustedCidrs: []string{"10.0.0.0/8"}}},
			{Name: "names"},
			{Name: "plain"},
			{Name: "tls"},
		},
		Routes: []*pushv1.Route{
			{Name: "1", Listener: "plain"},
			{Name: "2", Listener: "tls", Tls: &pushv1.ServerTLS{}},
			{Name: "3", Listener: "names"},
			{Name: "4", Listener: "names", Hostnames: []string{"a.example"}},
		},
	}
	limits := func(fleet *v1alpha1.ProxyFleet) map[string]uint32 {
		(&translation{snapshot: Snapshot{Fleet: fleet}}).limit(config)
		got := map[string]uint32{}
		for _, l := range config.GetListeners() {
			got[l.GetName()] = l.GetMaxHandshakes()
		}
		return got
	}
	if diff := cmp.Diff(map[string]uint32{"header": 4096, "names": 4096, "plain": 0, "tls": 4096}, limits(&v1alpha1.ProxyFleet{})); diff != "" {
		t.Errorf("by default (-want +got):\n%s", diff)
	}
	seven := int32(7)
	asked := &v1alpha1.ProxyFleet{Spec: v1alpha1.ProxyFleetSpec{ListenerLimits: &v1alpha1.ListenerLimits{MaxHandshakes: &seven}}}
	if diff := cmp.Diff(map[string]uint32{"header": 7, "names": 7, "plain": 7, "tls": 7}, limits(asked)); diff != "" {
		t.Errorf("as asked for (-want +got):\n%s", diff)
	}
}
