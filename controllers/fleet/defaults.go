// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"github.com/wye-dev/wye/api/v1alpha1"
)

const (
	defaultReplicas   = 2
	defaultDrainDelay = 5 * time.Second
	defaultDeadline   = 30 * time.Second
)

// Replicas is the number of proxies that a fleet asks for: with autoscaling,
// the fewest.
func Replicas(f *v1alpha1.ProxyFleet) int32 {
	a := f.Spec.Autoscaling
	switch {
	case a != nil && a.MinReplicas != nil:
		return *a.MinReplicas
	case a != nil:
		return min(defaultReplicas, a.MaxReplicas)
	case f.Spec.Replicas != nil:
		return *f.Spec.Replicas
	}
	return defaultReplicas
}

// Drain is how a fleet's proxies stop: for delay they go on accepting, and from
// then on established connections have until deadline.
func Drain(f *v1alpha1.ProxyFleet) (delay, deadline time.Duration) {
	delay, deadline = defaultDrainDelay, defaultDeadline
	if d := f.Spec.Drain; d != nil && d.Delay != nil {
		delay = d.Delay.Duration
	}
	if d := f.Spec.Drain; d != nil && d.Deadline != nil {
		deadline = d.Deadline.Duration
	}
	return delay, deadline
}
