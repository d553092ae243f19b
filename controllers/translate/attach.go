// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// attach judges whether a route has a place in its fleet.
func attach(s Snapshot, r *v1alpha1.TCPRoute) Judgement {
	name, namespace := r.Spec.FleetRef.Name, r.Spec.FleetRef.Namespace
	if namespace == "" {
		namespace = r.Namespace
	}
	if s.Fleet == nil {
		return notAccepted(v1alpha1.ReasonNoMatchingParent,
			"there is no ProxyFleet %q in namespace %q; create it, or name another one in spec.fleetRef", name, namespace)
	}
	if why := refusal(s, r.Namespace); why != "" {
		return notAccepted(v1alpha1.ReasonNotAllowedByFleet,
			"ProxyFleet %s/%s takes no routes from namespace %q: %s", namespace, name, r.Namespace, why)
	}
	return Judgement{
		Type: v1alpha1.ConditionAccepted, True: true, Reason: v1alpha1.ReasonAccepted,
		Message: fmt.Sprintf("attached to ProxyFleet %s/%s", namespace, name),
	}
}

// refusal says why a fleet takes no routes from a namespace; empty when it does.
func refusal(s Snapshot, namespace string) string {
	allowed := s.Fleet.Spec.AllowedRoutes
	if allowed == nil {
		allowed = &v1alpha1.AllowedRoutes{}
	}
	switch allowed.From {
	case v1alpha1.FromAll:
		return ""
	case v1alpha1.FromSelector:
		return mismatch(allowed.Selector, s.NamespaceLabels[namespace])
	default:
		if namespace == s.Fleet.Namespace {
			return ""
		}
		return "its spec.allowedRoutes allows only its own namespace; set from: All, or from: Selector"
	}
}

func mismatch(selector *metav1.LabelSelector, set map[string]string) string {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return fmt.Sprintf("its spec.allowedRoutes.selector is wrong: %v", err)
	}
	if s.Matches(labels.Set(set)) {
		return ""
	}
	return fmt.Sprintf("the namespace's labels do not match the fleet's spec.allowedRoutes.selector, %s", metav1.FormatLabelSelector(selector))
}

func notAccepted(reason, format string, args ...any) Judgement {
	return Judgement{Type: v1alpha1.ConditionAccepted, Reason: reason, Message: fmt.Sprintf(format, args...)}
}
