// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	applyv1 "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// ConfigurationName is the ValidatingWebhookConfiguration that tells the API
// server of the webhook.
const ConfigurationName = "wye-validating-webhook"

// fieldOwner is separate from that of whoever applies the configuration, and
// owns the CA bundles in it alone.
const fieldOwner client.FieldOwner = "wye-controller"

// Lists and watches are permitted by name to those who select by name.
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingwebhookconfigurations,resourceNames=wye-validating-webhook,verbs=get;list;watch;patch

// Key is the request by which Trust is told that the bundle has changed.
func Key() types.NamespacedName { return types.NamespacedName{Name: ConfigurationName} }

// Cluster is what Trust needs of a Kubernetes client. It reads from the cache.
type Cluster interface {
	Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error
	Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error
}

// Trust has the API server trust the webhook: it keeps the CA bundles in the
// configuration at what the operator's own CA is now, whoever wrote another one
// there. It never makes the configuration, and writes no other field of it.
type Trust struct {
	Cluster Cluster
	Bundle  func() []byte // in PEM; nil while it is not known
}

// SetupWithManager registers the reconciler, on the leader only. changed brings
// Key when the bundle has changed.
func (t *Trust) SetupWithManager(mgr ctrl.Manager, changed source.Source) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetName() == ConfigurationName })
	return ctrl.NewControllerManagedBy(mgr).
		Named("webhook").
		For(&admissionv1.ValidatingWebhookConfiguration{}, builder.WithPredicates(ours)).
		WatchesRawSource(changed).
		Complete(t)
}

// Reconcile writes the bundle where it is not what it should be.
func (t *Trust) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	bundle := t.Bundle()
	if bundle == nil {
		return ctrl.Result{}, nil // changed comes once it is known
	}
	var found admissionv1.ValidatingWebhookConfiguration
	if err := t.Cluster.Get(ctx, req.NamespacedName, &found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	want, current := applyv1.ValidatingWebhookConfiguration(found.Name), true
	for _, hook := range found.Webhooks {
		current = current && bytes.Equal(hook.ClientConfig.CABundle, bundle)
		want.WithWebhooks(applyv1.ValidatingWebhook().WithName(hook.Name).
			WithClientConfig(applyv1.WebhookClientConfig().WithCABundle(bundle...)))
	}
	if current {
		return ctrl.Result{}, nil
	}
	if err := t.Cluster.Apply(ctx, want, fieldOwner, client.ForceOwnership); err != nil {
		return ctrl.Result{}, fmt.Errorf("write the CA bundle of %s: %w", found.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("CA bundle written")
	return ctrl.Result{}, nil
}
