// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// BackendTLS says how TLS to backends is done, in the words of Gateway API's BackendTLSPolicy.
//
// +kubebuilder:validation:XValidation:rule="has(self.hostname) || has(self.subjectAltNames)",message="set hostname to the name that backends' certificates have, or list subjectAltNames"
// +kubebuilder:validation:XValidation:rule="has(self.caCertificateRefs) != has(self.wellKnownCACertificates)",message="set exactly one of caCertificateRefs and wellKnownCACertificates: System"
type BackendTLS struct {
	// Name that backends are asked for (SNI), and that their certificates must have unless
	// there are subjectAltNames. A host name, or an IPv4 address, which is not asked for.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	Hostname string `json:"hostname,omitempty"`

	// The authorities that sign certificates of backends, 1 to 8.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +optional
	CACertificateRefs []CAReference `json:"caCertificateRefs,omitempty"`

	// System: the authorities that the proxies' image trusts.
	// +optional
	WellKnownCACertificates WellKnownCACertificates `json:"wellKnownCACertificates,omitempty"`

	// Names of which a certificate must have one, in place of hostname: host names and IP
	// addresses, which a wildcard of the certificate may cover, and URIs (such as
	// spiffe://cluster.local/ns/shop/sa/redis), letter by letter. At most 64.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=2048
	// +optional
	SubjectAltNames []string `json:"subjectAltNames,omitempty"`

	// A Secret of type kubernetes.io/tls in the route's namespace, whose certificate is
	// shown to backends that ask for one. None when not set.
	// +optional
	ClientCertificateRef *SecretReference `json:"clientCertificateRef,omitempty"`

	// Application protocols (ALPN) that are offered, in order of preference, at most 16.
	// None when not set.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b == a))",message="a protocol is named twice"
	// +optional
	ALPNProtocols []ALPNProtocol `json:"alpnProtocols,omitempty"`

	// Oldest version of TLS that is spoken, 1.2 or 1.3. 1.2 when not set; there is none older.
	// +optional
	MinVersion TLSVersion `json:"minVersion,omitempty"`
}

// WellKnownCACertificates are authorities that need not be named one by one.
// +kubebuilder:validation:Enum=System
type WellKnownCACertificates string

// WellKnownSystem are those that the system trusts.
const WellKnownSystem WellKnownCACertificates = "System"

// ProxyProtocolVersion is a version of the PROXY protocol.
// +kubebuilder:validation:Enum=V1;V2
type ProxyProtocolVersion string

const (
	// ProxyProtocolV1 is a line of text.
	ProxyProtocolV1 ProxyProtocolVersion = "V1"
	// ProxyProtocolV2 is binary, and carries on extensions that a header before it had.
	ProxyProtocolV2 ProxyProtocolVersion = "V2"
)
