// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds Wye's kinds: Dtab, TCPRoute and ProxyFleet. The types
// are the contract with users; conditions.go lists every condition and reason
// that a status may carry.
//
// +kubebuilder:object:generate=true
// +groupName=wye.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the kinds in this package.
var GroupVersion = schema.GroupVersion{Group: "wye.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Dtab{}, &DtabList{},
		&TCPRoute{}, &TCPRouteList{},
		&ProxyFleet{}, &ProxyFleetList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
