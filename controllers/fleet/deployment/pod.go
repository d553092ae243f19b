// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"math"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

const (
	proxyUser = 65532 // nonroot, as in the images
	stopGrace = 10 * time.Second
	firstPort = 1024 // below it, ports are privileged
	lowPorts  = "net.ipv4.ip_unprivileged_port_start"
)

func deployment(f *v1alpha1.ProxyFleet, in Inputs, options Options) *appsv1.Deployment {
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: fleet.Meta(f),
		Spec: appsv1.DeploymentSpec{
			Selector:             selector(f),
			RevisionHistoryLimit: new(int32(2)),
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxUnavailable: new(intstr.FromInt32(0)),
					MaxSurge:       new(intstr.FromString("25%")),
				},
			},
			Template: podTemplate(f, in, options),
		},
	}
	if f.Spec.Autoscaling == nil {
		d.Spec.Replicas = new(fleet.Replicas(f))
	}
	return d
}

// podTemplate keeps within the Pod Security Standard "restricted".
func podTemplate(f *v1alpha1.ProxyFleet, in Inputs, options Options) corev1.PodTemplateSpec {
	placement := v1alpha1.PodPlacement{}
	if f.Spec.Pod != nil {
		placement = *f.Spec.Pod
	}
	if placement.TopologySpreadConstraints == nil {
		placement.TopologySpreadConstraints = spread(f)
	}
	delay, deadline := fleet.Drain(f)
	stop := int64(math.Ceil((delay + deadline + stopGrace).Seconds()))
	spec := corev1.PodSpec{
		ServiceAccountName:            fleet.Name(f.Name),
		AutomountServiceAccountToken:  new(false),
		EnableServiceLinks:            new(false),
		TerminationGracePeriodSeconds: &stop,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   new(true),
			RunAsUser:      new(int64(proxyUser)),
			RunAsGroup:     new(int64(proxyUser)),
			FSGroup:        new(int64(proxyUser)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers:                []corev1.Container{container(f, options)},
		Volumes:                   volumes(f),
		NodeSelector:              placement.NodeSelector,
		Tolerations:               placement.Tolerations,
		Affinity:                  placement.Affinity,
		TopologySpreadConstraints: placement.TopologySpreadConstraints,
		PriorityClassName:         placement.PriorityClassName,
	}
	if in.LowPorts {
		// One of the sysctls that Kubernetes calls safe and "restricted" allows;
		// it spares the proxy the capability NET_BIND_SERVICE.
		spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: lowPorts, Value: "0"}}
	}
	for _, name := range options.PullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      merged(placement.Labels, fleet.Labels(f.Name)),
			Annotations: merged(placement.Annotations, fleet.Annotations(f.Name)),
		},
		Spec: spec,
	}
}

// spread puts the pods of one revision on different nodes and zones where that
// is possible.
func spread(f *v1alpha1.ProxyFleet) []corev1.TopologySpreadConstraint {
	var constraints []corev1.TopologySpreadConstraint
	for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
		constraints = append(constraints, corev1.TopologySpreadConstraint{
			MaxSkew:           1,
			TopologyKey:       key,
			WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector:     selector(f),
			MatchLabelKeys:    []string{appsv1.DefaultDeploymentUniqueLabelKey},
		})
	}
	return constraints
}

func anyLow(ports []int32) bool {
	return slices.ContainsFunc(ports, func(port int32) bool { return port < firstPort })
}

func allowsLowPorts(d *appsv1.Deployment) bool {
	if d == nil || d.Spec.Template.Spec.SecurityContext == nil {
		return false
	}
	return slices.ContainsFunc(d.Spec.Template.Spec.SecurityContext.Sysctls,
		func(s corev1.Sysctl) bool { return s.Name == lowPorts })
}
