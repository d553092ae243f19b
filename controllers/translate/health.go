// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// Defaults of what a route says of its endpoints' health.
const (
	defaultFailures  = 5
	defaultInterval  = 10 * time.Second
	defaultTimeout   = time.Second
	defaultUnhealthy = 3
	defaultHealthy   = 2
)

// guard fills in when endpoints of a route get no connections.
func guard(s *pushv1.PoolSettings, spec v1alpha1.TCPRouteSpec) {
	s.FailureAccrual = failureAccrual(spec.FailureAccrual)
	s.HealthCheck = healthCheck(spec.HealthCheck)
	if limits := spec.EndpointLimits; limits != nil {
		s.MaxConnectionsPerEndpoint = uint32(or(limits.MaxConnections, 0))
		s.MaxPending = uint32(or(limits.MaxPending, 0))
	}
}

// failureAccrual is nil where the proxies' defaults are meant.
func failureAccrual(f *v1alpha1.FailureAccrual) *pushv1.FailureAccrual {
	if f == nil || *f == (v1alpha1.FailureAccrual{}) {
		return nil
	}
	wire := &pushv1.FailureAccrual{
		ConsecutiveFailures: uint32(or(f.ConsecutiveFailures, defaultFailures)),
		MinPenalty:          wireDuration(f.MinPenalty),
		MaxPenalty:          wireDuration(f.MaxPenalty),
		EarlyClose:          wireDuration(f.EarlyClose),
	}
	if f.PanicThreshold != nil {
		wire.PanicThreshold = new(uint32(*f.PanicThreshold))
	}
	return wire
}

func healthCheck(h *v1alpha1.HealthCheck) *pushv1.HealthCheck {
	if h == nil {
		return nil
	}
	wire := &pushv1.HealthCheck{
		Interval:           durationOr(h.Interval, defaultInterval),
		Timeout:            durationOr(h.Timeout, defaultTimeout),
		UnhealthyThreshold: uint32(or(h.UnhealthyThreshold, defaultUnhealthy)),
		HealthyThreshold:   uint32(or(h.HealthyThreshold, defaultHealthy)),
		Send:               []byte(cmp.Or(h.Send, string(h.SendBase64))),
		Expect:             []byte(cmp.Or(h.Expect, string(h.ExpectBase64))),
	}
	return wire
}

func or(value *int32, otherwise int32) int32 {
	if value == nil {
		return otherwise
	}
	return *value
}

func durationOr(d *metav1.Duration, otherwise time.Duration) *durationpb.Duration {
	if d == nil {
		return durationpb.New(otherwise)
	}
	return durationpb.New(d.Duration)
}
