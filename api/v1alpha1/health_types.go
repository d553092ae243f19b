// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FailureAccrual takes endpoints out that fail, and tries them again. It is in force
// with its defaults where nothing is said of it.
// +kubebuilder:validation:XValidation:rule="duration(has(self.minPenalty) ? self.minPenalty : '1s') <= duration(has(self.maxPenalty) ? self.maxPenalty : '24h')",message="maxPenalty must not be less than minPenalty"
type FailureAccrual struct {
	// Attempts to connect that fail in a row, or early closes in a row, after which an
	// endpoint is taken out, up to 1000. A TLS handshake with it that fails is such an
	// attempt. 5 when not set. 0: none is ever taken out.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	ConsecutiveFailures *int32 `json:"consecutiveFailures,omitempty"`

	// How long an endpoint is out at first, 10ms to 1h. After that one connection
	// tries it: if it fails too, the time doubles. Each time varies by a fifth either
	// way. 1s when not set.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('10ms') && duration(self) <= duration('1h')",message="minPenalty must be a duration from 10ms to 1h, such as 500ms or 5s"
	// +optional
	MinPenalty *metav1.Duration `json:"minPenalty,omitempty"`

	// How long it is out at most, up to 24h. 60s when not set, or minPenalty if that is more.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('10ms') && duration(self) <= duration('24h')",message="maxPenalty must be a duration from 10ms to 24h, such as 30s or 5m"
	// +optional
	MaxPenalty *metav1.Duration `json:"maxPenalty,omitempty"`

	// A connection counts as failed that the endpoint ends, before the client does and
	// without having sent a byte, within this time of being connected; up to 1m. 0s, or
	// not set: it does not, whatever the endpoint does once it is connected.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) <= duration('1m')",message="earlyClose must be a duration from 0s to 1m, such as 100ms; 0s means that none counts"
	// +optional
	EarlyClose *metav1.Duration `json:"earlyClose,omitempty"`

	// When fewer per cent of an arm's endpoints would be left, all of them are used
	// again, 0 to 100. That holds for what health checks find out as well. 50 when not
	// set. 0: all are used only when none would be left.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	PanicThreshold *int32 `json:"panicThreshold,omitempty"`
}

// HealthCheck has each proxy connect to each endpoint from time to time, by PROXY
// protocol and TLS where connections to it are made so. An endpoint that fails is
// taken out; a new one is used until it does.
// +kubebuilder:validation:XValidation:rule="!(has(self.send) && has(self.sendBase64)) && !(has(self.expect) && has(self.expectBase64))",message="set at most one of send and sendBase64, and of expect and expectBase64"
type HealthCheck struct {
	// Time between two checks of an endpoint, 100ms to 1h; it varies by a fifth either
	// way. 10s when not set.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('1h')",message="interval must be a duration from 100ms to 1h, such as 5s"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`

	// Longest time of a check, 10ms to 1m. 1s when not set.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('10ms') && duration(self) <= duration('1m')",message="timeout must be a duration from 10ms to 1m, such as 500ms"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// Checks that fail in a row after which an endpoint is taken out, 1 to 100. 3 when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	UnhealthyThreshold *int32 `json:"unhealthyThreshold,omitempty"`

	// Checks that succeed in a row after which it is readmitted, 1 to 100. 2 when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	HealthyThreshold *int32 `json:"healthyThreshold,omitempty"`

	// Text to send once connected, such as "PING\r\n". Nothing when not set.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Send string `json:"send,omitempty"`

	// Bytes to send once connected, in base64.
	// +kubebuilder:validation:MaxLength=1368
	// +optional
	SendBase64 []byte `json:"sendBase64,omitempty"`

	// Text that the answer must begin with, such as "+PONG". When not set, being
	// connected is enough. Endpoints that speak first need not be sent anything.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Expect string `json:"expect,omitempty"`

	// Bytes that the answer must begin with, in base64.
	// +kubebuilder:validation:MaxLength=1368
	// +optional
	ExpectBase64 []byte `json:"expectBase64,omitempty"`
}

// EndpointLimits are what each proxy does not exceed, of each arm's endpoints.
type EndpointLimits struct {
	// Connections of an endpoint at a time, those being set up among them, 1 to
	// 1000000. One that has as many is passed over, and when all have, connections are
	// refused. No limit when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxConnections *int32 `json:"maxConnections,omitempty"`

	// Connections of an arm that wait for an endpoint at a time, 1 to 1000000. More
	// are refused. No limit when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxPending *int32 `json:"maxPending,omitempty"`
}
