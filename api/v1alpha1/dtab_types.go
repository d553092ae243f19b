// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DtabSpec is a delegation table.
type DtabSpec struct {
	// The rules of the table, in order. Of several rules that match a name, the
	// later one is tried first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10000
	// +optional
	Dentries []Dentry `json:"dentries,omitempty"`
}

// Dentry is one rule: names that begin with the prefix are delegated to the destination.
// +kubebuilder:validation:XValidation:rule="self.prefix.startsWith('/')",message="prefix must begin with '/', for example /svc/redis"
type Dentry struct {
	// Prefix of the names that this rule is for, such as /svc/redis. An element
	// may be the wildcard *, as in /http/1.1/*.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +required
	Prefix string `json:"prefix"`

	// Destination of the rule: a path, or a tree of paths with weights (&) and
	// alternatives (|), such as "9 * /cluster/redis1 & 1 * /cluster/redis2" or
	// "/cluster/redis2 | /cluster/redis1". ! fails, ~ is nothing, $ is empty.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16384
	// +required
	Dst string `json:"dst"`
}

// DtabStatus says whether the table is in force.
type DtabStatus struct {
	// Generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Accepted, Programmed and Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Number of TCPRoutes that use this table.
	// +optional
	Routes int32 `json:"routes"`

	// How far the newest form has come, over all fleets with routes that use it.
	// +optional
	Proxies ProxyCounts `json:"proxies,omitzero"`

	// Converged and total proxies, such as 3/3.
	// +optional
	Converged string `json:"converged,omitempty"`
}

// Dtab is a delegation table: rules by which logical names such as /svc/redis
// are bound to the endpoints that serve them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=dt,categories=wye
// +kubebuilder:printcolumn:name="Routes",type=integer,JSONPath=`.status.routes`,description="TCPRoutes that use this table"
// +kubebuilder:printcolumn:name="Converged",type=string,JSONPath=`.status.converged`,description="Proxies that serve the newest form, of all that should"
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Dtab struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// The table.
	// +optional
	Spec DtabSpec `json:"spec,omitzero"`
	// What is in force.
	// +optional
	Status DtabStatus `json:"status,omitzero"`
}

// DtabList is a list of Dtabs.
//
// +kubebuilder:object:root=true
type DtabList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Dtab `json:"items"`
}
