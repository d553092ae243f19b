// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/plan"
)

// guarded is a config of one pool with those settings.
func guarded(s *pushv1.PoolSettings) *pushv1.Config {
	return &pushv1.Config{Pools: []*pushv1.Pool{{Name: "p", Settings: s, Endpoints: []*pushv1.Endpoint{
		{Address: "127.0.0.1", Port: 1}, {Address: "127.0.0.2", Port: 1}, {Address: "127.0.0.3", Port: 1},
	}}}}
}

func TestSettingsOfHealthThatContradictThemselvesAreRefused(t *testing.T) {
	check := func(change func(*pushv1.HealthCheck)) *pushv1.PoolSettings {
		h := &pushv1.HealthCheck{
			Interval: durationpb.New(time.Second), Timeout: durationpb.New(time.Second), UnhealthyThreshold: 1, HealthyThreshold: 1,
		}
		change(h)
		return &pushv1.PoolSettings{HealthCheck: h}
	}
	accrual := func(f *pushv1.FailureAccrual) *pushv1.PoolSettings { return &pushv1.PoolSettings{FailureAccrual: f} }
	for _, test := range []struct {
		settings *pushv1.PoolSettings
		want     string // empty: it is good
	}{
		{accrual(&pushv1.FailureAccrual{}), ""},
		{accrual(&pushv1.FailureAccrual{MinPenalty: durationpb.New(time.Hour)}), ""},
		{accrual(&pushv1.FailureAccrual{MinPenalty: durationpb.New(0)}), "min_penalty is 0"},
		{accrual(&pushv1.FailureAccrual{MaxPenalty: durationpb.New(time.Millisecond)}), "max_penalty 1ms is less than min_penalty 1s"},
		{accrual(&pushv1.FailureAccrual{EarlyClose: durationpb.New(-1)}), "early_close -1ns is negative"},
		{accrual(&pushv1.FailureAccrual{PanicThreshold: proto.Uint32(101)}), "panic_threshold is 101"},
		{check(func(*pushv1.HealthCheck) {}), ""},
		{check(func(h *pushv1.HealthCheck) { h.Interval = nil }), "must be above 0"},
		{check(func(h *pushv1.HealthCheck) { h.Timeout = durationpb.New(-1) }), "timeout -1ns is negative"},
		{check(func(h *pushv1.HealthCheck) { h.HealthyThreshold = 0 }), "thresholds"},
		{check(func(h *pushv1.HealthCheck) { h.Expect = make([]byte, 1<<17) }), "more than 65536 bytes"},
	} {
		_, refused := plan.Build(guarded(test.settings), nil)
		text := describe(refused)
		if (text == "") != (test.want == "") || !strings.Contains(text, test.want) {
			t.Errorf("%v: %q, want %q", test.settings, text, test.want)
		}
	}
}

// A pool that says nothing of it takes endpoints out after five failures, and one
// that says 0 does not.
func TestEndpointsThatFailAreTakenOutByDefault(t *testing.T) {
	for _, test := range []struct {
		settings      *pushv1.PoolSettings
		failures, out int
	}{
		{settings: nil, failures: 4, out: 0},
		{settings: nil, failures: 5, out: 1},
		{settings: &pushv1.PoolSettings{FailureAccrual: &pushv1.FailureAccrual{}}, failures: 100, out: 0},
		{settings: &pushv1.PoolSettings{FailureAccrual: &pushv1.FailureAccrual{ConsecutiveFailures: 2}}, failures: 2, out: 1},
	} {
		now := time.Now()
		next, _ := plan.Build(guarded(test.settings), nil)
		pool := next.Pools["p"]
		others := pool.Endpoints()[1:]
		for range test.failures {
			lease, ok := pool.Pick(balancer.Ask{Tried: others, Now: now})
			if !ok {
				t.Fatal("nobody is picked")
			}
			lease.Failed(now)
			lease.Release()
		}
		if c := pool.Census(); c.Ejected != test.out {
			t.Errorf("%v: after %d failures %+v", test.settings, test.failures, c)
		}
		// It lasts when the endpoints change, and ends when it is turned off.
		config := guarded(test.settings)
		config.Pools[0].Endpoints = config.Pools[0].Endpoints[:2]
		next, _ = plan.Build(config, next)
		if c := next.Pools["p"].Census(); c.Ejected != test.out {
			t.Errorf("%v: with other endpoints %+v", test.settings, c)
		}
		next, _ = plan.Build(guarded(&pushv1.PoolSettings{FailureAccrual: &pushv1.FailureAccrual{}}), next)
		if c := next.Pools["p"].Census(); c.Ejected != 0 || c.Available != 3 {
			t.Errorf("%v: turned off %+v", test.settings, c)
		}
	}
}
