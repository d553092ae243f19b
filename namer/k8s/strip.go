// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// Strip drops what the namer does not read: of an EndpointSlice annotations,
// owners and each endpoint's target, zone and hints for nodes (more than half of it), of a
// Service, which others read too, the managed fields. It is meant as the
// transform of both in a cache's options, and never fails.
func Strip(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Service:
		o.ManagedFields = nil
	case *discoveryv1.EndpointSlice:
		o.ManagedFields, o.Annotations, o.OwnerReferences = nil, nil, nil
		for i := range o.Endpoints {
			e := &o.Endpoints[i]
			e.TargetRef, e.Hostname, e.Zone, e.DeprecatedTopology = nil, nil, nil, nil
			if e.Hints != nil {
				e.Hints.ForNodes = nil
			}
		}
	}
	return obj, nil
}
