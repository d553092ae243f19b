// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// RouteTLS says what becomes of the TLS of a route's clients.
//
// +kubebuilder:validation:XValidation:rule="(has(self.mode) && self.mode == 'Passthrough') || (has(self.certificateRefs) && size(self.certificateRefs) > 0)",message="where TLS ends (mode Terminate, which is the default), certificateRefs must name at least one Secret of type kubernetes.io/tls"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Passthrough' || !(has(self.certificateRefs) || has(self.alpnProtocols) || has(self.minVersion) || has(self.clientValidation))",message="with mode Passthrough the backend ends TLS, so certificateRefs, alpnProtocols, minVersion and clientValidation mean nothing here; leave them out"
type RouteTLS struct {
	// Terminate: the proxies end TLS, and backends get what is inside. Passthrough:
	// backends get TLS as it comes. Terminate when not set.
	// +optional
	Mode TLSMode `json:"mode,omitempty"`

	// Secrets of type kubernetes.io/tls in the route's namespace, 1 to 16. A client gets
	// the certificate that has the name it asks for (SNI), an exact one before one with a
	// wildcard; of two that have it, the first. The first of all is for clients that ask
	// for no name, or for one that no certificate has.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b.name == a.name))",message="a Secret is named twice"
	// +optional
	CertificateRefs []SecretReference `json:"certificateRefs,omitempty"`

	// Application protocols (ALPN) that are agreed to, in order of preference, at most 16,
	// such as h2. A client that offers others only is refused. None is agreed upon when
	// not set.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(b, b == a))",message="a protocol is named twice"
	// +optional
	ALPNProtocols []ALPNProtocol `json:"alpnProtocols,omitempty"`

	// Oldest version of TLS that is spoken, 1.2 or 1.3. 1.2 when not set; there is none older.
	// +optional
	MinVersion TLSVersion `json:"minVersion,omitempty"`

	// What is asked of clients. Nothing when not set.
	// +optional
	ClientValidation *ClientValidation `json:"clientValidation,omitempty"`
}

// TLSMode says where the TLS of clients ends.
// +kubebuilder:validation:Enum=Terminate;Passthrough
type TLSMode string

const (
	// TLSTerminate has it end at the proxies.
	TLSTerminate TLSMode = "Terminate"
	// TLSPassthrough has it end at the backends.
	TLSPassthrough TLSMode = "Passthrough"
)

// TLSVersion is a version of TLS.
// +kubebuilder:validation:Enum="1.2";"1.3"
type TLSVersion string

const (
	// TLS12 is TLS 1.2.
	TLS12 TLSVersion = "1.2"
	// TLS13 is TLS 1.3.
	TLS13 TLSVersion = "1.3"
)

// ALPNProtocol is the name of an application protocol, such as h2.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=255
type ALPNProtocol string

// SecretReference names a Secret in the namespace of the one that refers to it.
type SecretReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// CAReference names what holds the certificates of authorities, in the namespace of the
// one that refers to it: PEM under the key ca.crt.
type CAReference struct {
	// ConfigMap or Secret. ConfigMap when not set.
	// +kubebuilder:validation:Enum=ConfigMap;Secret
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the ConfigMap or Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// ClientValidation says which certificates of clients are good.
type ClientValidation struct {
	// Required: a client without a certificate is refused. Optional: only one with a
	// certificate that is not good is. Required when not set.
	// +kubebuilder:validation:Enum=Required;Optional
	// +optional
	Mode ClientValidationMode `json:"mode,omitempty"`

	// The authorities that sign certificates of clients, 1 to 8.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +required
	CACertificateRefs []CAReference `json:"caCertificateRefs"`

	// Names of which a certificate must have one among its subject alternative names,
	// letter by letter: DNS names, URIs (such as spiffe://cluster.local/ns/shop/sa/cart),
	// IP addresses or mail addresses, at most 64. All that the authorities signed are good
	// when not set.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=2048
	// +optional
	SubjectAltNames []string `json:"subjectAltNames,omitempty"`
}

// ClientValidationMode says whether a client must have a certificate.
type ClientValidationMode string

const (
	// ClientValidationRequired refuses clients without one.
	ClientValidationRequired ClientValidationMode = "Required"
	// ClientValidationOptional lets them in.
	ClientValidationOptional ClientValidationMode = "Optional"
)

// Terminates tells whether the TLS of a route's clients ends at the proxies.
func (s *TCPRouteSpec) Terminates() bool { return s.TLS != nil && s.TLS.Mode != TLSPassthrough }
