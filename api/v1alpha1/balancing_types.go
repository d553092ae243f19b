// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LoadBalancing says how an endpoint is chosen.
//
// +kubebuilder:validation:XValidation:rule="!has(self.slowStart) || !has(self.policy) || self.policy != 'ConsistentHash'",message="slowStart does not go with policy ConsistentHash, by which a client has one endpoint, new or not: remove one of them"
type LoadBalancing struct {
	// P2C takes the less loaded of two endpoints drawn at random; RoundRobin one after
	// the other; LeastConnections the one with the fewest connections; ConsistentHash
	// the same endpoint for the same client address for as
	// long as that endpoint is there. P2C when not set. All keep to the endpoints'
	// weights, where their source states any.
	// +optional
	Policy BalancingPolicy `json:"policy,omitempty"`

	// Time over which an endpoint that joins others grows from a tenth of its share to
	// all of it, 1s to 1h. Not set, it has all at once. Not with ConsistentHash.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="slowStart must be a duration from 1s to 1h, such as 30s or 2m"
	// +optional
	SlowStart *metav1.Duration `json:"slowStart,omitempty"`

	// Hints: where a Service's endpoints are meant for zones (its trafficDistribution
	// says so), those meant for the proxy's zone go first. Ignore: every endpoint is as
	// good as any. Hints when not set.
	// +optional
	ZonePreference ZonePreference `json:"zonePreference,omitempty"`
}

// BalancingPolicy is a way to choose an endpoint.
// +kubebuilder:validation:Enum=P2C;RoundRobin;LeastConnections;ConsistentHash
type BalancingPolicy string

const (
	// BalancingP2C takes the less loaded of two drawn at random.
	BalancingP2C BalancingPolicy = "P2C"
	// BalancingRoundRobin takes one after the other.
	BalancingRoundRobin BalancingPolicy = "RoundRobin"
	// BalancingLeastConnections takes the one with the fewest connections.
	BalancingLeastConnections BalancingPolicy = "LeastConnections"
	// BalancingConsistentHash takes the same one for the same client.
	BalancingConsistentHash BalancingPolicy = "ConsistentHash"
)

// ZonePreference says what the zones that endpoints are meant for count.
// +kubebuilder:validation:Enum=Hints;Ignore
type ZonePreference string

const (
	// ZoneHints puts those meant for the proxy's zone first.
	ZoneHints ZonePreference = "Hints"
	// ZoneIgnore makes no difference.
	ZoneIgnore ZonePreference = "Ignore"
)
