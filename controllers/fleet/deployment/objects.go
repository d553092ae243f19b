// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

const defaultTargetCPU = 70 // per cent of the request

// Inputs are what a fleet's objects are made from besides its spec.
type Inputs struct {
	Ports []int32 // of the Service, sorted; without any there is no Service
	// LowPorts lets proxies listen on ports below 1024. It is part of the pod
	// template, so to set it restarts pods; other changes of ports do not.
	LowPorts bool
	CA       []byte // PEM bundle that proxies trust for config push
}

// Objects are those that make a fleet, in the order in which to apply them. With
// autoscaling the Deployment leaves its replicas open.
func Objects(f *v1alpha1.ProxyFleet, in Inputs, options Options) []client.Object {
	objects := []client.Object{fleet.ServiceAccount(f), configMap(f, in.CA)}
	if len(in.Ports) > 0 {
		objects = append(objects, service(f, in.Ports))
	}
	objects = append(objects, disruptionBudget(f), deployment(f, in, options))
	if f.Spec.Autoscaling != nil {
		objects = append(objects, autoscaler(f))
	}
	return objects
}

func selector(f *v1alpha1.ProxyFleet) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: fleet.Selector(f.Name)}
}

func configMap(f *v1alpha1.ProxyFleet, ca []byte) client.Object {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: fleet.Meta(f),
		Data:       map[string]string{caKey: string(ca)},
	}
}

func service(f *v1alpha1.ProxyFleet, ports []int32) client.Object {
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: fleet.Meta(f),
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: fleet.Selector(f.Name),
		},
	}
	for _, port := range ports {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
			Name:       fmt.Sprintf("tcp-%d", port),
			Protocol:   corev1.ProtocolTCP,
			Port:       port,
			TargetPort: intstr.FromInt32(port),
		})
	}
	shape := f.Spec.Service
	if shape == nil {
		return s
	}
	s.Annotations = merged(shape.Annotations, s.Annotations)
	if shape.Type != "" {
		s.Spec.Type = shape.Type
	}
	if s.Spec.Type != corev1.ServiceTypeClusterIP { // the API server refuses it there
		s.Spec.ExternalTrafficPolicy = shape.ExternalTrafficPolicy
	}
	return s
}

// disruptionBudget lets one proxy at a time be evicted, unless the fleet says
// otherwise, and those that do not work at any time.
func disruptionBudget(f *v1alpha1.ProxyFleet) client.Object {
	b := &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: fleet.Meta(f),
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector:                   selector(f),
			MaxUnavailable:             new(intstr.FromInt32(1)),
			UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
		},
	}
	if d := f.Spec.DisruptionBudget; d != nil {
		b.Spec.MinAvailable, b.Spec.MaxUnavailable = d.MinAvailable, d.MaxUnavailable
	}
	return b
}

func autoscaler(f *v1alpha1.ProxyFleet) client.Object {
	a := f.Spec.Autoscaling
	target := int32(defaultTargetCPU)
	if a.TargetCPUUtilization != nil {
		target = *a.TargetCPUUtilization
	}
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: fleet.Meta(f),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{
				APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment", Name: fleet.Name(f.Name),
			},
			MinReplicas: new(fleet.Replicas(f)),
			MaxReplicas: a.MaxReplicas,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name: corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{
						Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &target,
					},
				},
			}},
		},
	}
}

// merged is a copy of below with what over has laid on it; nil when empty.
func merged(below, over map[string]string) map[string]string {
	if len(below) == 0 && len(over) == 0 {
		return nil
	}
	all := map[string]string{}
	maps.Copy(all, below)
	maps.Copy(all, over)
	return all
}
