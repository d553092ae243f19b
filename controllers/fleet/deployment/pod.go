// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"math"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

const (
	proxyName  = "proxy" // the container
	proxyUser  = 65532   // nonroot, as in the images
	adminPort  = 9990
	adminName  = "admin"
	caKey      = "ca.crt"
	configKey  = "config"
	tokenKey   = "token"
	stopGrace  = 10 * time.Second
	stateDir   = "/var/lib/wye"
	trustDir   = "/var/run/secrets/wye.dev"
	configDir  = "/etc/wye/bootstrap"
	firstPort  = 1024 // below it, ports are privileged
	lowPorts   = "net.ipv4.ip_unprivileged_port_start"
	memoryPart = 0.9 // of the memory limit that the Go heap may fill
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
	env := []corev1.EnvVar{{
		Name:      "POD_NAME",
		ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}},
	}}
	if limit, ok := resources.Limits[corev1.ResourceMemory]; ok {
		bytes := int64(float64(limit.Value()) * memoryPart)
		env = append(env, corev1.EnvVar{Name: "GOMEMLIMIT", Value: strconv.FormatInt(bytes, 10)})
	}
	return env
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
