// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TCPRouteSpec sends the connections of one port of a fleet somewhere: either to
// a logical name, or to a list of weighted backends.
//
// +kubebuilder:validation:XValidation:rule="has(self.dst) != (has(self.backends) && self.backends.exists(b, has(b.service) || has(b.dst)))",message="set exactly one of dst (a logical name such as /svc/redis) and backends (a list with weights)"
// +kubebuilder:validation:XValidation:rule="!has(self.minConnections) || !has(self.loadBalancing) || !has(self.loadBalancing.policy) || self.loadBalancing.policy != 'ConsistentHash'",message="minConnections does not go with loadBalancing.policy ConsistentHash, by which an endpoint is chosen for a client that is known: remove one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.dst) || self.dst.startsWith('/')",message="dst must begin with '/', for example /svc/redis"
type TCPRouteSpec struct {
	// The fleet whose proxies serve this route.
	// +required
	FleetRef FleetReference `json:"fleetRef"`

	// Port on which the fleet's proxies, and its Service, accept connections, 1 to 65535.
	// The proxies run without privileges; ports below 1024 need a node that allows them.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +required
	Port int32 `json:"port"`

	// Host names that clients of this route ask for in TLS (SNI), at most 64: exact, such as
	// db.example.com, or *.example.com for each name with one more label at least. An exact
	// name goes before a wildcard, and a longer wildcard before a shorter one. Routes of one
	// port need different host names; the one without takes all other clients. Without
	// tls, what clients send is passed on as it is. None when not set.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Hostnames []Hostname `json:"hostnames,omitempty"`

	// Application protocols (ALPN) of which clients of this route offer one, at most 16,
	// such as h2. They tell routes of one port and host name apart; the route without
	// takes all other clients. All clients when not set.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +optional
	MatchProtocols []ALPNProtocol `json:"matchProtocols,omitempty"`

	// Logical name of the destination, such as /svc/redis, bound through a Dtab;
	// or a concrete name such as /#/io.l5d.k8s/prod/redis/redis-master.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Dst string `json:"dst,omitempty"`

	// The table that names are bound through. Without it, the Dtab called
	// "default" in the route's namespace.
	// +optional
	DtabRef *DtabReference `json:"dtabRef,omitempty"`

	// Destinations with weights, keyed by name, so that several tools can own
	// weights by server-side apply. At most 64. Where a backend is removed whose
	// weight somebody else owns, name and weight stay, and mean nothing.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Backends []Backend `json:"backends,omitempty"`

	// What becomes of a connection whose arm has no endpoint that can be
	// reached: Refuse closes it, so that each arm keeps its share; Redistribute
	// sends it to another arm. Refuse when not set. A name that does not exist is
	// another matter: the table's own meaning holds (& drops it, | passes on).
	// +optional
	OnUnavailable OnUnavailable `json:"onUnavailable,omitempty"`

	// How connections are split among arms: Exact deals them out by weight; Sticky
	// goes by the client's address, so that a client keeps to its arm. Exact when not set.
	// +optional
	Splitting Splitting `json:"splitting,omitempty"`

	// What becomes of established connections whose arm gets no new ones. They stay
	// when not set.
	// +optional
	Migration *Migration `json:"migration,omitempty"`

	// Time limits of the connections.
	// +optional
	Timeouts *Timeouts `json:"timeouts,omitempty"`

	// The most that each proxy serves of this route. No limits when not set.
	// +optional
	Limits *RouteLimits `json:"limits,omitempty"`

	// Which clients may connect, by address. All when not set.
	// +optional
	Access *Access `json:"access,omitempty"`

	// How an endpoint is chosen, in all arms.
	// +optional
	LoadBalancing *LoadBalancing `json:"loadBalancing,omitempty"`

	// Connections that each proxy keeps ready for clients to come, of each arm, 1 to
	// 1000. None when not set. Arms whose endpoints are reached over TLS or told of the
	// client by the PROXY protocol have none.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MinConnections *int32 `json:"minConnections,omitempty"`

	// TLS of the clients. Without it, what they send is passed on as it is.
	// +optional
	TLS *RouteTLS `json:"tls,omitempty"`

	// TLS to the backends, all of them but those with a tls of their own. In the clear
	// when not set.
	// +optional
	BackendTLS *BackendTLS `json:"backendTLS,omitempty"`

	// Header of the PROXY protocol that tells backends of the client, V1 or V2, before
	// anything else. None when not set.
	// +optional
	ProxyProtocol ProxyProtocolVersion `json:"proxyProtocol,omitempty"`

	// When endpoints that fail are taken out, and come back.
	// +optional
	FailureAccrual *FailureAccrual `json:"failureAccrual,omitempty"`

	// How endpoints are checked. Not at all when not set.
	// +optional
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`

	// Limits of each endpoint.
	// +optional
	EndpointLimits *EndpointLimits `json:"endpointLimits,omitempty"`
}

// Arms are the backends that lead somewhere. One that does not is what server-side
// apply leaves of a backend that its owner removed while another owns its weight.
func (s *TCPRouteSpec) Arms() []Backend {
	var arms []Backend
	for _, b := range s.Backends {
		if b.Leads() {
			arms = append(arms, b)
		}
	}
	return arms
}

// FleetReference names a ProxyFleet.
type FleetReference struct {
	// Name of the fleet.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Namespace of the fleet. The route's own when not set. The fleet must allow
	// routes of other namespaces (spec.allowedRoutes).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// DtabReference names a Dtab in the route's namespace.
type DtabReference struct {
	// Name of the Dtab.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
}

// Backend is one arm of a route. It leads somewhere when it is made; an owner may
// take that away later, though not the name and the weight that another owns.
// +kubebuilder:validation:XValidation:rule="has(self.service) != has(self.dst) || (oldSelf.hasValue() && !has(self.service) && !has(self.dst))",optionalOldSelf=true,message="a backend needs exactly one of service and dst"
// +kubebuilder:validation:XValidation:rule="!has(self.dst) || self.dst.startsWith('/')",message="dst must begin with '/', for example /svc/redis"
type Backend struct {
	// Name of the arm, unique in the route: the key of this list and the label of its metrics.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// Share of this arm relative to the sum of all weights, 0 to 1000000. 1 when
	// not set. 0 gets no connections.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	Weight *int32 `json:"weight,omitempty"`

	// A Service in the route's namespace, whose ready endpoints get the arm's connections.
	// +optional
	Service *ServiceReference `json:"service,omitempty"`

	// A logical or concrete name, bound as the route's dst would be.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Dst string `json:"dst,omitempty"`

	// TLS to this backend. The route's backendTLS when not set.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`

	// PROXY protocol to this backend, V1 or V2. The route's proxyProtocol when not set.
	// +optional
	ProxyProtocol ProxyProtocolVersion `json:"proxyProtocol,omitempty"`
}

// Leads tells whether a backend leads somewhere; see [TCPRouteSpec.Arms].
func (b *Backend) Leads() bool { return b.Service != nil || b.Dst != "" }

// ServiceReference names a port of a Service in the route's namespace.
type ServiceReference struct {
	// Name of the Service.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Name or number of the Service's port.
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="type(self) != int || (int(self) >= 1 && int(self) <= 65535)",message="port must be a number from 1 to 65535 or the name of a port"
	// +required
	Port intstr.IntOrString `json:"port"`
}

// OnUnavailable says what becomes of the share of an arm that cannot be reached.
// +kubebuilder:validation:Enum=Refuse;Redistribute
type OnUnavailable string

const (
	// OnUnavailableRefuse closes the connection.
	OnUnavailableRefuse OnUnavailable = "Refuse"
	// OnUnavailableRedistribute tries another arm.
	OnUnavailableRedistribute OnUnavailable = "Redistribute"
)

// Timeouts are time limits, as durations such as 500ms, 10s or 1h.
type Timeouts struct {
	// Longest time from accepting a connection to being connected to an
	// endpoint, all attempts together, 1ms to 5m. 5s when not set.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('5m')",message="connect must be a duration from 1ms to 5m, such as 500ms or 10s"
	// +optional
	Connect *metav1.Duration `json:"connect,omitempty"`

	// A connection on which no byte has moved either way for this long is
	// closed, up to 8760h. 1h when not set; 0s means never.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) <= duration('8760h')",message="idle must be a duration from 0s to 8760h, such as 90s or 1h30m; 0s means no limit"
	// +optional
	Idle *metav1.Duration `json:"idle,omitempty"`

	// Longest time that a connection may live, up to 8760h. Each ends up to a tenth
	// of that before, so that those that came together do not end together. No limit
	// when not set, or 0s.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) <= duration('8760h')",message="lifetime must be a duration from 0s to 8760h, such as 90s or 24h; 0s means no limit"
	// +optional
	Lifetime *metav1.Duration `json:"lifetime,omitempty"`
}

// TCPRouteStatus says what is really in force.
type TCPRouteStatus struct {
	// Generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Accepted, ResolvedRefs, Programmed and Ready, and Migrating where spec.migration
	// ends connections.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// The arms that the destination is bound to, at most 64 of them.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Arms []ArmStatus `json:"arms,omitempty"`

	// The destination as asked for, in short.
	// +optional
	Destination string `json:"destination,omitempty"`

	// The arms with their shares, such as "redis1=90% redis2=10%".
	// +optional
	Split string `json:"split,omitempty"`

	// How far the newest form has come.
	// +optional
	Proxies ProxyCounts `json:"proxies,omitzero"`

	// Converged and total proxies, such as 3/3.
	// +optional
	Converged string `json:"converged,omitempty"`

	// Connections that migration is to end, of all proxies. Set where spec.migration
	// ends any.
	// +optional
	StaleConnections *int64 `json:"staleConnections,omitempty"`

	// Content hash of what is published for this route.
	// +optional
	ConfigHash string `json:"configHash,omitempty"`
}

// ArmStatus is one arm of a bound route.
type ArmStatus struct {
	// Name of the backend, or the last part of the bound name that tells the arms apart.
	// +required
	Name string `json:"name"`

	// The concrete name, such as /#/io.l5d.k8s/prod/redis/redis-master.
	// +optional
	Bound string `json:"bound,omitempty"`

	// Weight as written, the product of the weights on the way.
	// +optional
	Weight string `json:"weight,omitempty"`

	// Share of new connections in per cent, such as "90%".
	// +optional
	Share string `json:"share,omitempty"`

	// Endpoints that get connections.
	// +optional
	Ready int32 `json:"ready"`
}

// TCPRoute sends the TCP connections that reach a port of a fleet to the
// endpoints that its destination is bound to.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wtr,categories=wye
// +kubebuilder:printcolumn:name="Fleet",type=string,JSONPath=`.spec.fleetRef.name`
// +kubebuilder:printcolumn:name="Port",type=integer,JSONPath=`.spec.port`
// +kubebuilder:printcolumn:name="Destination",type=string,JSONPath=`.status.destination`
// +kubebuilder:printcolumn:name="Split",type=string,JSONPath=`.status.split`,description="Share of new connections of each arm"
// +kubebuilder:printcolumn:name="Converged",type=string,JSONPath=`.status.converged`,description="Proxies that serve the newest form, of all that should"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Stale",type=integer,priority=1,JSONPath=`.status.staleConnections`,description="Connections that migration is to end"
// +kubebuilder:printcolumn:name="Hostnames",type=string,priority=1,JSONPath=`.spec.hostnames`,description="Host names that tell routes of one port apart"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type TCPRoute struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What to serve.
	// +required
	Spec TCPRouteSpec `json:"spec"`
	// What is in force.
	// +optional
	Status TCPRouteStatus `json:"status,omitzero"`
}

// TCPRouteList is a list of TCPRoutes.
//
// +kubebuilder:object:root=true
type TCPRouteList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TCPRoute `json:"items"`
}
