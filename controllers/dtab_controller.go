// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/status"
	"github.com/wye-dev/wye/controllers/watch"
)

// DtabReconciler reports on tables: whether they parse, and how far they are in
// force. It changes nothing else; what tables do is the FleetReconciler's work.
type DtabReconciler struct {
	Watch  watch.Watch
	Status *status.Writer
	Usage  *Usage
	// Now is the clock.
	Now func() time.Time

	// UsageChanged rings when a fleet that uses a table has news.
	UsageChanged *watch.Doorbell
}

// SetupWithManager registers the reconciler.
func (r *DtabReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("dtab").
		For(&v1alpha1.Dtab{}).
		WatchesRawSource(r.UsageChanged).
		Complete(r)
}

// Reconcile writes the status of one table, once every fleet with routes that
// use it has been translated with the table as it is now.
func (r *DtabReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var d v1alpha1.Dtab
	if err := r.Watch.Reader.Get(ctx, req.NamespacedName, &d); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	fleets, err := r.Watch.FleetsOfDtab(ctx, req.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	slices.SortFunc(fleets, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	var uses []status.Use
	for _, fleet := range fleets {
		use, ok := r.Usage.Of(fleet)
		if !ok || use.Generations[req.NamespacedName] != d.Generation {
			return ctrl.Result{}, nil // that fleet's reconcile is on its way, and rings
		}
		uses = append(uses, use.Use)
	}
	if err := r.Status.Dtab(ctx, &d, status.Dtab(&d, uses, metav1.NewTime(r.Now()))); err != nil {
		return ctrl.Result{}, fmt.Errorf("write the status of dtab %s: %w", req.NamespacedName, err)
	}
	return ctrl.Result{}, nil
}
