// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/translate"
)

func TestFleetSaysHowItIs(t *testing.T) {
	whole := fleet.Observed{Wanted: 2, Proxies: []string{"a", "b"}, Ready: 2, Updated: true}
	acked := []publish.Proxy{{Pod: "a", Acked: 9}, {Pod: "b", Acked: 9}}
	tests := []struct {
		reason   string
		observed fleet.Observed
		proxies  []publish.Proxy
		err      error
		want     []string
	}{
		{
			reason: "all is well", observed: whole, proxies: acked,
			want: []string{
				"Available True Available: 2 of 2 proxies are ready for connections",
				"Progressing False Complete: 2 of 2 proxies are of the newest spec",
				"Degraded False NotDegraded: nothing is wrong with the proxies that run",
				"Ready True Ready: 2 of 2 proxies are ready for connections", "2/2 rejected 0 []",
			},
		},
		{
			reason: "coming up", observed: fleet.Observed{Wanted: 2, Proxies: []string{"a"}, Updated: true},
			want: []string{
				"Available False Unavailable: 0 of 2 proxies are ready for connections",
				"Progressing True RollingOut: 1 proxies run, 2 are wanted",
				"Degraded True ProxiesLagging: 0 of 1 proxies serve the newest config; waiting for a",
				"Ready False Unavailable: 0 of 2 proxies are ready for connections", "0/1 rejected 0 [a]",
			},
		},
		{
			reason: "one is not ready", observed: fleet.Observed{Wanted: 2, Proxies: []string{"a", "b"}, Ready: 1, Updated: true}, proxies: acked,
			want: []string{
				"Available True Available: 1 of 2 proxies are ready for connections",
				"Progressing True RollingOut: 1 of 2 proxies are ready for connections",
				"Degraded False NotDegraded: nothing is wrong with the proxies that run",
				"Ready False RollingOut: 1 of 2 proxies are ready for connections", "2/2 rejected 0 []",
			},
		},
		{
			reason: "of an older spec", observed: fleet.Observed{Wanted: 2, Proxies: []string{"a", "b"}, Ready: 2}, proxies: acked,
			want: []string{
				"Available True Available: 2 of 2 proxies are ready for connections",
				"Progressing True RollingOut: proxies of an older spec are being replaced",
				"Degraded False NotDegraded: nothing is wrong with the proxies that run",
				"Ready False RollingOut: proxies of an older spec are being replaced", "2/2 rejected 0 []",
			},
		},
		{
			reason: "a laggard is named, and the fleet is ready all the same", observed: whole, proxies: []publish.Proxy{{Pod: "a", Acked: 9}, {Pod: "b", Acked: 8}},
			want: []string{
				"Available True Available: 2 of 2 proxies are ready for connections",
				"Progressing False Complete: 2 of 2 proxies are of the newest spec",
				"Degraded True ProxiesLagging: 1 of 2 proxies serve the newest config; waiting for b",
				"Ready True Ready: 2 of 2 proxies are ready for connections", "1/2 rejected 0 [b]",
			},
		},
		{
			reason: "a refusal", observed: whole,
			proxies: []publish.Proxy{{Pod: "a", Acked: 9}, {Pod: "b", Acked: 9, Refused: map[string]*pushv1.Refusal{
				"prod/z": {Message: "z", Resource: &pushv1.ResourceName{Name: "prod/z"}}, "prod/redis": {Message: "address in use", Resource: &pushv1.ResourceName{Name: "tcp/6379"}},
			}}},
			want: []string{
				"Available True Available: 2 of 2 proxies are ready for connections",
				"Progressing False Complete: 2 of 2 proxies are of the newest spec",
				"Degraded True ResourcesRefused: 1 of 2 proxies refuse part of the config; b says of tcp/6379: address in use",
				"Ready True Ready: 2 of 2 proxies are ready for connections", "1/2 rejected 1 []",
			},
		},
		{
			reason: "the runtime fails", observed: whole, proxies: acked, err: errors.New("apply deployment prod/edge: forbidden"),
			want: []string{
				"Available True Available: 2 of 2 proxies are ready for connections",
				"Progressing False Complete: 2 of 2 proxies are of the newest spec",
				"Degraded True RuntimeError: apply deployment prod/edge: forbidden",
				"Ready False RuntimeError: apply deployment prod/edge: forbidden", "2/2 rejected 0 []",
			},
		},
		{
			reason: "scaled to none", observed: fleet.Observed{Updated: true},
			want: []string{
				"Available False Unavailable: the spec asks for no proxies",
				"Progressing False Complete: 0 of 0 proxies are of the newest spec",
				"Degraded False NotDegraded: nothing is wrong with the proxies that run",
				"Ready False Unavailable: the spec asks for no proxies", "0/0 rejected 0 []",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s := Fleet(FleetState{
				Fleet:    &v1alpha1.ProxyFleet{ObjectMeta: metav1.ObjectMeta{Generation: 3}},
				Progress: publish.Progress{Generation: 9, Hash: "beef", Proxies: test.proxies}, Observed: test.observed, Err: test.err,
			}, at(1))
			got := append(texts(s.Conditions), fmt.Sprintf("%s rejected %d %v", s.Converged, s.Proxies.Rejected, s.Proxies.Laggards))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFleetStatusKeepsTheGenerationOfTheLeaderBefore(t *testing.T) {
	f := &v1alpha1.ProxyFleet{Status: v1alpha1.ProxyFleetStatus{ConfigGeneration: 41, ConfigHash: "cafe"}}
	s := Fleet(FleetState{Fleet: f}, at(1))
	if s.ConfigGeneration != 41 || s.ConfigHash != "cafe" {
		t.Errorf("before the first config: generation %d, hash %q", s.ConfigGeneration, s.ConfigHash)
	}
	s = Fleet(FleetState{Fleet: f, Progress: publish.Progress{Generation: 42, Hash: "beef"}}, at(1))
	if s.ConfigGeneration != 42 || s.ConfigHash != "beef" {
		t.Errorf("after it: generation %d, hash %q", s.ConfigGeneration, s.ConfigHash)
	}
}

func TestFleetCountsTheRoutesThatItServes(t *testing.T) {
	s := Fleet(FleetState{Fleet: &v1alpha1.ProxyFleet{}, Verdicts: []translate.Verdict{
		{Serving: translate.ServesNewest}, {Serving: translate.ServesNothing}, {Serving: translate.ServesRetained},
	}, Observed: fleet.Observed{Addresses: make([]string, 40), Selector: "app=x"}}, at(1))
	if s.Routes != 2 || len(s.Addresses) != 16 || s.Selector != "app=x" {
		t.Errorf("%d routes, %d addresses, selector %q", s.Routes, len(s.Addresses), s.Selector)
	}
}
