// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// RouteLimits are the most that each proxy of the fleet serves of a route. They are
// limits of a proxy, not of the fleet: three proxies serve three times as much. What is
// beyond a limit on connections is reset before an endpoint is dialled.
type RouteLimits struct {
	// Connections at a time, of each proxy, 1 to 10000000. No limit when not set.
	// Connections from before the route had any limit on their number do not count.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000000
	// +optional
	MaxConnections *int32 `json:"maxConnections,omitempty"`

	// Connections at a time that one client has, of each proxy, 1 to 10000000. A client
	// is an IPv4 address, or the /64 that an IPv6 address is in. No limit when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000000
	// +optional
	MaxConnectionsPerClient *int32 `json:"maxConnectionsPerClient,omitempty"`

	// Bytes per second that each connection moves in each direction, after a second's
	// worth at once, as a quantity of at least 1Ki, such as 512Ki or 10M. No limit
	// when not set.
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('1Ki')) >= 0 && quantity(string(self)).compareTo(quantity('1T')) <= 0",message="bytesPerSecond must be a quantity from 1Ki to 1T, such as 512Ki or 10M"
	// +optional
	BytesPerSecond *resource.Quantity `json:"bytesPerSecond,omitempty"`
}

// Access says which clients may connect, by their address: as the proxy sees it, or as
// the PROXY protocol tells of it where the port accepts that. A Service that does not keep the
// clients' addresses (externalTrafficPolicy: Cluster) shows the proxy those of nodes.
// Who may not is reset before an endpoint is dialled. A change counts for new connections.
// +kubebuilder:validation:XValidation:rule="has(self.allow) || has(self.deny)",message="set allow, deny or both: lists of CIDRs"
type Access struct {
	// CIDRs whose clients may connect, such as 10.0.0.0/8 or 2001:db8::/32, 1 to 1000 of
	// them. All when not set. Bits behind the length are ignored.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Allow []CIDR `json:"allow,omitempty"`

	// CIDRs whose clients may not, whatever allow says, 1 to 1000 of them.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Deny []CIDR `json:"deny,omitempty"`

	// Enforce refuses who may not connect; Audit lets everybody in, and counts them
	// (wye_proxy_access_audited_total). Enforce when not set.
	// +optional
	Mode AccessMode `json:"mode,omitempty"`
}

// CIDR is a network of IPv4 or IPv6.
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="must be a CIDR, such as 10.0.0.0/8 or 2001:db8::/32"
type CIDR string

// AccessMode says what becomes of clients that may not connect.
// +kubebuilder:validation:Enum=Enforce;Audit
type AccessMode string

const (
	// AccessEnforce refuses them.
	AccessEnforce AccessMode = "Enforce"
	// AccessAudit counts them.
	AccessAudit AccessMode = "Audit"
)

// ListenerLimits are the limits of each port of each proxy, whatever routes share it.
type ListenerLimits struct {
	// Connections at a time, 1 to 10000000. Others wait to be accepted, in the queue of the
	// kernel. No limit when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000000
	// +optional
	MaxConnections *int32 `json:"maxConnections,omitempty"`

	// Connections accepted per second, after a second's worth at once, 1 to 1000000. Others
	// wait to be accepted. No limit when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	AcceptRate *int32 `json:"acceptRate,omitempty"`

	// Connections at a time of which the proxy does not know the route yet, because
	// that is in what they have to send first: a PROXY header, or the beginning of TLS,
	// 1 to 1000000. 4096 when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxHandshakes *int32 `json:"maxHandshakes,omitempty"`
}
