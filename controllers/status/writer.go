// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/translate"
)

// Writer brings statuses to the API server: only those that differ from what the
// cache has, and with an Event for each condition that turned.
//
// A write is made against the very version of the object that the cache has. One
// that comes too late, because the object has changed or is gone, is dropped
// without an error: the change itself brings the next reconcile. For that, and to
// heal a write that was judged from an older copy, reconcilers must see changes
// of status too; no predicate may hide them.
type Writer struct {
	Client client.Client
	// Events must be safe for concurrent use; it is called without waiting.
	Events events.EventRecorder
}

// Route writes the status of a route. r is not changed.
func (w *Writer) Route(ctx context.Context, r *v1alpha1.TCPRoute, next v1alpha1.TCPRouteStatus) error {
	if equality.Semantic.DeepEqual(r.Status, next) {
		return nil
	}
	changed := r.DeepCopy()
	changed.Status = next
	return w.write(ctx, r, changed, "TCPRoute", r.Status.Conditions, next.Conditions)
}

// Dtab writes the status of a table. d is not changed.
func (w *Writer) Dtab(ctx context.Context, d *v1alpha1.Dtab, next v1alpha1.DtabStatus) error {
	if equality.Semantic.DeepEqual(d.Status, next) {
		return nil
	}
	changed := d.DeepCopy()
	changed.Status = next
	return w.write(ctx, d, changed, "Dtab", d.Status.Conditions, next.Conditions)
}

// Fleet writes the status of a fleet. f is not changed.
func (w *Writer) Fleet(ctx context.Context, f *v1alpha1.ProxyFleet, next v1alpha1.ProxyFleetStatus) error {
	if equality.Semantic.DeepEqual(f.Status, next) {
		return nil
	}
	changed := f.DeepCopy()
	changed.Status = next
	return w.write(ctx, f, changed, "ProxyFleet", f.Status.Conditions, next.Conditions)
}

// write patches one status and tells what turned.
func (w *Writer) write(ctx context.Context, base, changed client.Object, kind string, before, after []metav1.Condition) error {
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	switch err := w.Client.Status().Patch(ctx, changed, patch); {
	case apierrors.IsConflict(err) || apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("write status of %s %s/%s: %w", kind, base.GetNamespace(), base.GetName(), err)
	}
	for _, c := range turned(before, after) {
		note := translate.Clip(fmt.Sprintf("%s is %s: %s", c.Type, c.Status, c.Message), maxMessage)
		w.Events.Eventf(base, nil, importance(c), c.Reason, c.Type, "%s", note)
	}
	return nil
}

// turned are the conditions that became true or false.
func turned(before, after []metav1.Condition) []metav1.Condition {
	var list []metav1.Condition
	for _, c := range after {
		if was := meta.FindStatusCondition(before, c.Type); told(c.Type) && news(was, c) {
			list = append(list, c)
		}
	}
	return list
}

// told are the conditions whose turns are Events.
func told(typ string) bool {
	switch typ {
	case v1alpha1.ConditionAccepted, v1alpha1.ConditionResolvedRefs, v1alpha1.ConditionProgrammed, v1alpha1.ConditionReady,
		v1alpha1.ConditionMigrating:
		return true
	}
	return false
}

// news: the first word on a new object is news only if it is bad, or if the
// object is ready or migrates.
func news(was *metav1.Condition, is metav1.Condition) bool {
	switch {
	case is.Status == metav1.ConditionUnknown:
		return false
	case was != nil:
		return was.Status != is.Status
	case is.Status == metav1.ConditionTrue:
		return is.Type == v1alpha1.ConditionReady || is.Type == v1alpha1.ConditionMigrating
	default:
		return importance(is) == corev1.EventTypeWarning
	}
}

// importance: what passes by itself is no warning.
func importance(c metav1.Condition) string {
	switch c.Reason {
	case v1alpha1.ReasonPending, v1alpha1.ReasonRollingOut, v1alpha1.ReasonMigrated:
		return corev1.EventTypeNormal
	}
	if c.Status == metav1.ConditionTrue {
		return corev1.EventTypeNormal
	}
	return corev1.EventTypeWarning
}
