// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

const (
	proxyName = "proxy" // the container
	adminPort = 9990
	adminName = "admin"

	stateDir  = "/var/lib/wye"
	trustDir  = "/var/run/secrets/wye.dev"
	configDir = "/etc/wye/bootstrap"
	caKey     = "ca.crt"
	tokenKey  = "token"
	configKey = "config"

	heapShare = 0.9 // of the memory limit
)

func container(f *v1alpha1.ProxyFleet, options Options) corev1.Container {
	delay, deadline := fleet.Drain(f)
	resources := resourcesOf(f)
	policy := options.PullPolicy
	if policy == "" {
		policy = corev1.PullIfNotPresent
	}
	return corev1.Container{
		Name:            proxyName,
		Image:           options.Image,
		ImagePullPolicy: policy,
		Args: fleet.Flags{
			Controller:      options.Controller,
			ControllerName:  fleet.ControllerName,
			Namespace:       f.Namespace,
			Fleet:           f.Name,
			Pod:             "$(POD_NAME)",
			CAFile:          trustDir + "/" + caKey,
			TokenFile:       trustDir + "/" + tokenKey,
			StateDir:        stateDir,
			BootstrapConfig: configDir + "/" + configKey,
			AdminAddr:       ":" + strconv.Itoa(adminPort),
			DrainDelay:      delay,
			DrainDeadline:   deadline,
		}.Args(),
		Env:       environment(resources),
		Ports:     []corev1.ContainerPort{{Name: adminName, ContainerPort: adminPort, Protocol: corev1.ProtocolTCP}},
		Resources: resources,
		// Live says that the process works; only a ready proxy gets connections.
		// Half a minute to start, then 30 s without an answer end it.
		StartupProbe:   probe("/live", 1, 30),
		LivenessProbe:  probe("/live", 10, 3),
		ReadinessProbe: probe("/ready", 2, 2),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{
			// Whole directories: files mounted one by one are never updated.
			{Name: "state", MountPath: stateDir},
			{Name: "trust", MountPath: trustDir, ReadOnly: true},
			{Name: "bootstrap", MountPath: configDir, ReadOnly: true},
		},
	}
}

// environment gives the proxy its name, and tells its heap about the memory
// limit, so that it collects more before it is killed.
func environment(resources corev1.ResourceRequirements) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: "POD_NAME", ValueFrom: fieldOfPod("metadata.name")},
		// Kubernetes (from 1.35 on) copies this label from the node. Where there is none,
		// the variable is empty.
		{Name: "POD_ZONE", ValueFrom: fieldOfPod("metadata.labels['" + corev1.LabelTopologyZone + "']")},
	}
	if limit, ok := resources.Limits[corev1.ResourceMemory]; ok {
		bytes := int64(float64(limit.Value()) * heapShare)
		env = append(env, corev1.EnvVar{Name: "GOMEMLIMIT", Value: strconv.FormatInt(bytes, 10)})
	}
	return env
}

func fieldOfPod(path string) *corev1.EnvVarSource {
	return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}
}

func volumes(f *v1alpha1.ProxyFleet) []corev1.Volume {
	trust := []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
			Audience: fleet.ControllerName, ExpirationSeconds: new(int64(fleet.TokenLife.Seconds())), Path: tokenKey,
		}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: fleet.Name(f.Name)},
			Items:                []corev1.KeyToPath{{Key: caKey, Path: caKey}},
		}},
	}
	return []corev1.Volume{
		{Name: "state", VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse("64Mi"))},
		}},
		{Name: "trust", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: trust}}},
		{Name: "bootstrap", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: fleet.ConfigName(f.Name)},
			Optional:             new(true),
		}}},
	}
}

// probe asks the admin port, every period seconds.
func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(adminName), Scheme: corev1.URISchemeHTTP},
		},
		PeriodSeconds:    period,
		TimeoutSeconds:   2,
		FailureThreshold: failures,
	}
}

func resourcesOf(f *v1alpha1.ProxyFleet) corev1.ResourceRequirements {
	if f.Spec.Resources != nil {
		return *f.Spec.Resources
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("64Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
	}
}
