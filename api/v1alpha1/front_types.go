// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Hostname is a host name in lower case, such as db.example.com, or *.example.com for
// each name that ends so and has one more label at least.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
// +kubebuilder:validation:XValidation:rule="!isIP(self)",message="must be a host name: clients of TLS do not ask for IP addresses"
type Hostname string

// AcceptedProxyProtocol says who is in front of a fleet and tells it of the clients by
// the PROXY protocol.
type AcceptedProxyProtocol struct {
	// Networks of those who begin each connection with a PROXY header (version 1 or 2),
	// 1 to 64. A connection from there without a good header is refused; one from elsewhere
	// is taken as it is, and a header in it is not read.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +required
	TrustedCIDRs []CIDR `json:"trustedCIDRs"`

	// Ports of which this holds, at most 64. All when not set.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	// +optional
	Ports []int32 `json:"ports,omitempty"`
}
