// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ProxyFleetSpec describes the proxies of a fleet.
// +kubebuilder:validation:XValidation:rule="!(has(self.replicas) && has(self.autoscaling))",message="set replicas or autoscaling, not both: the autoscaler owns the number of replicas"
type ProxyFleetSpec struct {
	// Number of proxies, 0 to 1000. 2 when not set.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Lets a HorizontalPodAutoscaler choose the number of proxies.
	// +optional
	Autoscaling *Autoscaling `json:"autoscaling,omitempty"`

	// CPU and memory of each proxy. When not set: requests of 100m CPU and 64Mi
	// of memory, and a memory limit of 512Mi.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// The Service in front of the proxies. Its ports follow the fleet's routes.
	// +optional
	Service *FleetService `json:"service,omitempty"`

	// How many proxies an eviction must leave running. When not set, all but one.
	// +optional
	DisruptionBudget *DisruptionBudget `json:"disruptionBudget,omitempty"`

	// How a proxy stops.
	// +optional
	Drain *Drain `json:"drain,omitempty"`

	// TCP congestion control of the connections that the proxies relay. When not
	// set, the default of the node's kernel. It is for nodes whose default is bbr:
	// that paces bulk, which costs up to a third of the throughput inside a data
	// centre. It must be among net.ipv4.tcp_allowed_congestion_control of the
	// proxies' nodes; else the proxies log a warning and go on with the default. A
	// change counts for new connections.
	// +optional
	CongestionControl *CongestionControl `json:"congestionControl,omitempty"`

	// Who tells of the clients by the PROXY protocol. Nobody when not set.
	// +optional
	ProxyProtocol *AcceptedProxyProtocol `json:"proxyProtocol,omitempty"`

	// Limits of each port of each proxy. They change without closing a connection.
	// +optional
	ListenerLimits *ListenerLimits `json:"listenerLimits,omitempty"`

	// Where the proxies' pods run, and what they carry.
	// +optional
	Pod *PodPlacement `json:"pod,omitempty"`

	// Which routes may attach to this fleet. When not set, those of its own namespace.
	// +optional
	AllowedRoutes *AllowedRoutes `json:"allowedRoutes,omitempty"`
}

// Autoscaling bounds a HorizontalPodAutoscaler on CPU.
// +kubebuilder:validation:XValidation:rule="!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",message="minReplicas must not be above maxReplicas"
type Autoscaling struct {
	// Fewest proxies, at least 1. 2 when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MinReplicas *int32 `json:"minReplicas,omitempty"`

	// Most proxies.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +required
	MaxReplicas int32 `json:"maxReplicas"`

	// Average CPU use to aim at, in per cent of the request, 1 to 100. 70 when not set.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	TargetCPUUtilization *int32 `json:"targetCPUUtilization,omitempty"`
}

// FleetService shapes the Service of a fleet.
type FleetService struct {
	// ClusterIP, NodePort or LoadBalancer. ClusterIP when not set.
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`

	// Annotations of the Service.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Local keeps the client's address and sends only to proxies on the same
	// node. Cluster when not set. For NodePort and LoadBalancer.
	// +kubebuilder:validation:Enum=Cluster;Local
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
}

// DisruptionBudget is the fleet's PodDisruptionBudget.
// +kubebuilder:validation:XValidation:rule="has(self.minAvailable) != has(self.maxUnavailable)",message="set exactly one of minAvailable and maxUnavailable"
type DisruptionBudget struct {
	// Proxies that must stay, as a number or in per cent.
	// +optional
	MinAvailable *intstr.IntOrString `json:"minAvailable,omitempty"`

	// Proxies that may be gone, as a number or in per cent.
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`
}

// Drain says how a proxy stops.
type Drain struct {
	// How long established connections may go on once a proxy stops accepting,
	// 0s to 24h. 30s when not set. What is left then is closed.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) <= duration('24h')",message="deadline must be a duration from 0s to 24h, such as 30s or 10m"
	// +optional
	Deadline *metav1.Duration `json:"deadline,omitempty"`

	// How long a proxy goes on accepting after it has turned unready, so that
	// the cluster can stop sending it connections, 0s to 5m. 5s when not set.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,7}([.][0-9]{1,9})?(ms|s|m|h))+$') && duration(self) <= duration('5m')",message="delay must be a duration from 0s to 5m, such as 5s"
	// +optional
	Delay *metav1.Duration `json:"delay,omitempty"`
}

// CongestionControl names algorithms of the nodes' kernels.
type CongestionControl struct {
	// Towards clients, such as cubic. The kernel's default when not set.
	// +kubebuilder:validation:Pattern=`^[a-z0-9_-]{1,15}$`
	// +optional
	Clients string `json:"clients,omitempty"`

	// Towards backends, such as cubic. The kernel's default when not set.
	// +kubebuilder:validation:Pattern=`^[a-z0-9_-]{1,15}$`
	// +optional
	Backends string `json:"backends,omitempty"`
}

// PodPlacement is passed on to the proxies' pods.
type PodPlacement struct {
	// Labels added to the pods.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations added to the pods.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Nodes the pods may run on, by label.
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Taints that the pods tolerate.
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// Affinity of the pods.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// How the pods spread. When not set: over nodes and zones where possible.
	// +listType=atomic
	// +optional
	TopologySpreadConstraints []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints,omitempty"`

	// Priority class of the pods.
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
}

// AllowedRoutes says which namespaces' routes may attach.
// +kubebuilder:validation:XValidation:rule="(has(self.from) && self.from == 'Selector') == has(self.selector)",message="selector goes with from: Selector"
type AllowedRoutes struct {
	// Same: the fleet's own namespace. All: every namespace. Selector: those
	// that the selector matches. Same when not set.
	// +kubebuilder:validation:Enum=Same;All;Selector
	// +optional
	From FromNamespaces `json:"from,omitempty"`

	// Labels of the namespaces, with from: Selector.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// FromNamespaces is a choice of namespaces.
type FromNamespaces string

const (
	// FromSame is the fleet's own namespace.
	FromSame FromNamespaces = "Same"
	// FromAll is every namespace.
	FromAll FromNamespaces = "All"
	// FromSelector is the namespaces that a selector matches.
	FromSelector FromNamespaces = "Selector"
)

// ProxyFleetStatus says how the fleet is.
type ProxyFleetStatus struct {
	// Generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Available, Progressing, Degraded and Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Where clients reach the fleet: the Service's addresses, without ports.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Addresses []string `json:"addresses,omitempty"`

	// Proxies that run.
	// +optional
	Replicas int32 `json:"replicas"`

	// Proxies that are ready for connections.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`

	// Selector of the proxies' pods, for the scale subresource.
	// +optional
	Selector string `json:"selector,omitempty"`

	// TCPRoutes that this fleet serves.
	// +optional
	Routes int32 `json:"routes"`

	// Number of the newest published config. Goes up by one with each change.
	// +optional
	ConfigGeneration int64 `json:"configGeneration,omitempty"`

	// Content hash of the newest published config.
	// +optional
	ConfigHash string `json:"configHash,omitempty"`

	// How many proxies serve the newest config.
	// +optional
	Proxies ProxyCounts `json:"proxies,omitzero"`

	// Converged and total proxies, such as 3/3.
	// +optional
	Converged string `json:"converged,omitempty"`
}

// ProxyFleet is a set of proxies that serve the same routes.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=pf;fleet,categories=wye
// +kubebuilder:printcolumn:name="Proxies",type=integer,JSONPath=`.status.replicas`
// +kubebuilder:printcolumn:name="Routes",type=integer,JSONPath=`.status.routes`
// +kubebuilder:printcolumn:name="Config",type=integer,JSONPath=`.status.configGeneration`,description="Number of the newest published config"
// +kubebuilder:printcolumn:name="Converged",type=string,JSONPath=`.status.converged`,description="Proxies that serve the newest config, of all that should"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Address",type=string,priority=1,JSONPath=`.status.addresses[0]`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ProxyFleet struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the fleet should be.
	// +optional
	Spec ProxyFleetSpec `json:"spec,omitzero"`
	// What the fleet is.
	// +optional
	Status ProxyFleetStatus `json:"status,omitzero"`
}

// ProxyFleetList is a list of ProxyFleets.
//
// +kubebuilder:object:root=true
type ProxyFleetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProxyFleet `json:"items"`
}
