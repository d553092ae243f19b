// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deployment runs a fleet as a Deployment, with the Service,
// ServiceAccount, ConfigMap, PodDisruptionBudget and HorizontalPodAutoscaler
// that belong to it. Objects says what they are, as a pure function; Runtime
// applies them and reads back what runs. It never waits for pods, and leaves
// deletion to the garbage collector: the ProxyFleet owns everything made here.
package deployment

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
)

// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services;serviceaccounts;configmaps,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=wye.dev,resources=proxyfleets/finalizers,verbs=update

// autoscalingManager holds a Deployment's replicas between the moment when the
// controller lets go of them and the moment when the autoscaler takes them.
const autoscalingManager = fleet.ControllerName + "-autoscaling"

// Options are what all fleets have in common.
type Options struct {
	Image       string            // of wye-proxy
	PullPolicy  corev1.PullPolicy // IfNotPresent when empty
	PullSecrets []string          // names of Secrets in the fleets' namespaces
	Controller  string            // HOST:PORT of the config push service, as pods reach it
}

// Runtime runs fleets as Deployments.
type Runtime struct {
	client  client.Client
	writer  *fleet.Writer
	options Options
	ca      func() []byte
	now     func() time.Time
	log     logr.Logger
}

var _ fleet.Runtime = (*Runtime)(nil)

// New makes a Runtime. c may read from a cache, live asks the API server. ca is
// the PEM bundle that proxies trust for config push; when it changes, every
// fleet should be applied again.
func New(c client.Client, live client.Reader, options Options, ca func() []byte, log logr.Logger) *Runtime {
	return &Runtime{client: c, writer: fleet.NewWriter(c, live), options: options, ca: ca, now: time.Now, log: log}
}

// Owned are the kinds that Apply makes. A change of one concerns its fleet.
func Owned() []client.Object {
	return []client.Object{
		&appsv1.Deployment{}, &corev1.Service{}, &corev1.ServiceAccount{}, &corev1.ConfigMap{},
		&policyv1.PodDisruptionBudget{}, &autoscalingv2.HorizontalPodAutoscaler{},
	}
}

// Apply brings the fleet's objects in line with its spec. The Service keeps its
// ports, and with them its addresses, when the last route goes; a fleet that
// never had a route has no Service.
func (r *Runtime) Apply(ctx context.Context, f *v1alpha1.ProxyFleet, ports []int32) error {
	live, err := r.read(ctx, f)
	if err != nil {
		return err
	}
	in := Inputs{Ports: ports, CA: r.ca()}
	if len(in.CA) == 0 {
		return fleet.ErrNoCA
	}
	if len(ports) == 0 {
		in.Ports = servicePorts(live.service)
	}
	// Once allowed, low ports stay allowed: to take them away restarts pods.
	in.LowPorts = anyLow(in.Ports) || allowsLowPorts(live.deployment)

	for _, o := range Objects(f, in, r.options) {
		if d, ok := o.(*appsv1.Deployment); ok && d.Spec.Replicas == nil {
			if err := r.handOver(ctx, f, d, live.deployment); err != nil {
				return err
			}
		}
		if err := r.writer.Apply(ctx, f, o); err != nil {
			return err
		}
	}
	if f.Spec.Autoscaling == nil {
		return r.writer.Remove(ctx, f, &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: fleet.Meta(f)})
	}
	return nil
}

// Delete forgets the fleet; the garbage collector removes its objects.
func (r *Runtime) Delete(_ context.Context, key types.NamespacedName) error {
	r.writer.Forget(key)
	return nil
}

// handOver prepares a Deployment for an autoscaler. A field that its only owner
// no longer applies goes back to its default, here to a single proxy; so another
// manager takes the number of replicas first, and keeps it until the autoscaler
// sets it. See "Transferring ownership" in the documentation of server-side apply.
func (r *Runtime) handOver(ctx context.Context, f *v1alpha1.ProxyFleet, want, live *appsv1.Deployment) error {
	replicas := fleet.Replicas(f)
	switch {
	case live == nil:
		first := want.DeepCopy()
		first.Spec.Replicas = &replicas
		if err := r.writer.Apply(ctx, f, first); err != nil {
			return err
		}
	case !fleet.OwnsField(live, "f:spec", "f:replicas"):
		return nil
	case live.Spec.Replicas != nil:
		replicas = *live.Spec.Replicas
	}
	held := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1",
		"kind":       "Deployment",
		"metadata":   map[string]any{"namespace": want.Namespace, "name": want.Name},
		"spec":       map[string]any{"replicas": int64(replicas)},
	}}
	err := r.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(held),
		client.FieldOwner(autoscalingManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("hand the replicas of Deployment %s/%s over to autoscaling: %w", want.Namespace, want.Name, err)
	}
	return nil
}

// objects are the fleet's objects that decide on what is to be written; nil
// where there is none.
type objects struct {
	deployment *appsv1.Deployment
	service    *corev1.Service
}

func (r *Runtime) read(ctx context.Context, f *v1alpha1.ProxyFleet) (objects, error) {
	d, err := r.writer.Find(ctx, &appsv1.Deployment{ObjectMeta: fleet.Meta(f)})
	if err != nil {
		return objects{}, err
	}
	s, err := r.writer.Find(ctx, &corev1.Service{ObjectMeta: fleet.Meta(f)})
	if err != nil {
		return objects{}, err
	}
	var found objects
	found.deployment, _ = d.(*appsv1.Deployment)
	found.service, _ = s.(*corev1.Service)
	return found, nil
}

func servicePorts(s *corev1.Service) []int32 {
	var ports []int32
	if s != nil {
		for _, p := range s.Spec.Ports {
			ports = append(ports, p.Port)
		}
	}
	return ports
}
