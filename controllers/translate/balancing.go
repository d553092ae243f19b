// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// balancing is how a route's endpoints are chosen; nil: as by default, also where that
// is written out.
func balancing(spec *v1alpha1.LoadBalancing) *pushv1.Balancing {
	if spec == nil {
		return nil
	}
	b := &pushv1.Balancing{
		Policy:      wirePolicy(spec.Policy),
		SlowStart:   wireDuration(spec.SlowStart),
		IgnoreZones: spec.ZonePreference == v1alpha1.ZoneIgnore,
	}
	if proto.Size(b) == 0 {
		return nil
	}
	return b
}

func wirePolicy(p v1alpha1.BalancingPolicy) pushv1.BalancingPolicy {
	switch p {
	case v1alpha1.BalancingRoundRobin:
		return pushv1.BalancingPolicy_BALANCING_POLICY_ROUND_ROBIN
	case v1alpha1.BalancingLeastConnections:
		return pushv1.BalancingPolicy_BALANCING_POLICY_LEAST_CONNECTIONS
	case v1alpha1.BalancingConsistentHash:
		return pushv1.BalancingPolicy_BALANCING_POLICY_CONSISTENT_HASH
	default:
		return pushv1.BalancingPolicy_BALANCING_POLICY_UNSPECIFIED
	}
}
