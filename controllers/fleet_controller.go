// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/status"
	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/controllers/watch"
	"github.com/wye-dev/wye/namer"
)

const (
	// settleLimit is how long a leader that just took over waits for the names
	// of a fleet before it publishes the fleet without them.
	settleLimit = 10 * time.Second
	// reconnectLimit is how long a leader that just took over waits for the
	// proxies of a fleet before it reports on them.
	reconnectLimit = 10 * time.Second
	// recheck is how soon a fleet that waits for one of these is looked at again.
	recheck = time.Second
)

// FleetReconciler is the pipeline: gather, translate, publish, report. Every
// event comes to it as the key of a fleet.
type FleetReconciler struct {
	Watch   watch.Watch
	Names   *namer.Table
	Book    *publish.Book
	Runtime fleet.Runtime
	Status  *status.Writer
	Usage   *Usage
	// Now is the clock.
	Now func() time.Time

	// Events from outside the Kubernetes API.
	NamesChanged    *watch.Doorbell
	ProgressChanged *watch.Doorbell
	RuntimeChanged  *watch.Doorbell

	started time.Time                           // of this leadership; set by the first Reconcile
	fleets  map[types.NamespacedName]fleetState // what one reconcile leaves for the next; one worker, so no lock
}

// fleetState is what the reconciler remembers of a fleet.
type fleetState struct {
	bound     map[types.NamespacedName]translate.Bound
	published bool // since this leadership began
	reported  bool // likewise
}

// SetupWithManager registers the reconciler for every event that concerns fleets.
func (r *FleetReconciler) SetupWithManager(mgr ctrl.Manager, owned ...client.Object) error {
	r.fleets = map[types.NamespacedName]fleetState{}
	b := ctrl.NewControllerManagedBy(mgr).
		Named("fleet").
		For(&v1alpha1.ProxyFleet{}).
		Watches(&v1alpha1.TCPRoute{}, handler.EnqueueRequestsFromMapFunc(fleetOfRoute)).
		Watches(&v1alpha1.Dtab{}, handler.EnqueueRequestsFromMapFunc(r.fleetsOfDtab)).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.fleetsOfNamespace)).
		WatchesRawSource(r.NamesChanged).
		WatchesRawSource(r.ProgressChanged).
		WatchesRawSource(r.RuntimeChanged).
		// One worker: a reconcile is short, and the fleets' memory needs no lock.
		WithOptions(controller.Options{MaxConcurrentReconciles: 1})
	for _, child := range owned {
		b = b.Watches(child, handler.EnqueueRequestsFromMapFunc(fleetOfChild))
	}
	return b.Complete(r)
}

// Reconcile brings one fleet, its routes' config and their statuses up to date.
func (r *FleetReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	if r.started.IsZero() {
		r.started = r.Now()
	}
	key := req.NamespacedName

	snapshot, err := r.Watch.Gather(ctx, key)
	if err != nil {
		return ctrl.Result{}, err
	}
	state := r.fleets[key]
	snapshot.Names, snapshot.Previous = r.Names.View(), state.bound
	result := translate.Fleet(snapshot)
	r.Names.Want(key.String(), result.Looked)
	state.bound = result.Bound
	r.fleets[key] = state

	if snapshot.Fleet == nil {
		return ctrl.Result{}, r.gone(ctx, key, snapshot, result)
	}
	if result.Pending && !state.published && r.Now().Sub(r.started) < settleLimit {
		// A new leader changes nothing before it knows what its predecessor knew.
		return ctrl.Result{RequeueAfter: recheck}, nil
	}
	applyErr := r.Runtime.Apply(ctx, snapshot.Fleet, ports(result))
	r.Book.Seed(key, uint64(snapshot.Fleet.Status.ConfigGeneration), snapshot.Fleet.Status.ConfigHash)
	r.Book.Publish(key, result.Config)
	state.published = true
	r.fleets[key] = state

	again, err := r.report(ctx, snapshot, result, applyErr)
	return ctrl.Result{RequeueAfter: again}, errors.Join(applyErr, err)
}

// report writes the statuses of the fleet, its routes and, through Usage, its
// tables. again is when to look at the fleet again without an event, 0 for never.
func (r *FleetReconciler) report(ctx context.Context, snapshot translate.Snapshot, result translate.Result, applyErr error) (again time.Duration, err error) {
	f, now := snapshot.Fleet, r.Now()
	key := client.ObjectKeyFromObject(f)
	observed, err := r.Runtime.Observe(ctx, f)
	if err != nil {
		return 0, fmt.Errorf("observe fleet %s: %w", key, err)
	}
	progress := r.Book.Progress(key)
	state := r.fleets[key]
	if !state.reported && !allConnected(observed, progress) && now.Sub(r.started) < reconnectLimit {
		// The proxies of a predecessor are on their way: to report on them now
		// would say that they lag, and take it back a second later.
		return recheck, nil
	}
	state.reported = true
	r.fleets[key] = state

	r.Usage.Put(key, FleetUse{
		Use:         status.Use{Verdicts: result.Verdicts, Progress: progress, Observed: observed},
		Generations: generations(snapshot.Dtabs),
	})
	next := status.Fleet(status.FleetState{
		Fleet: f, Verdicts: result.Verdicts, Progress: progress, Observed: observed, Err: applyErr,
	}, metav1.NewTime(now))
	return observed.Recheck, errors.Join(
		r.Status.Fleet(ctx, f, next),
		r.reportRoutes(ctx, result.Verdicts, progress, observed),
	)
}

func (r *FleetReconciler) reportRoutes(ctx context.Context, verdicts []translate.Verdict, progress publish.Progress, observed fleet.Observed) error {
	var errs []error
	for _, v := range verdicts {
		next := status.Route(v, progress, observed, metav1.NewTime(r.Now()))
		errs = append(errs, r.Status.Route(ctx, v.Route, next))
	}
	return errors.Join(errs...)
}

// gone cleans up after a fleet that does not exist, and tells the routes that name it.
func (r *FleetReconciler) gone(ctx context.Context, key types.NamespacedName, snapshot translate.Snapshot, result translate.Result) error {
	delete(r.fleets, key)
	r.Book.Forget(key)
	r.Names.Want(key.String(), nil)
	if len(result.Verdicts) == 0 {
		r.Usage.Drop(key)
	} else {
		r.Usage.Put(key, FleetUse{Use: status.Use{Verdicts: result.Verdicts}, Generations: generations(snapshot.Dtabs)})
	}
	if err := r.Runtime.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete fleet %s: %w", key, err)
	}
	return r.reportRoutes(ctx, result.Verdicts, publish.Progress{}, fleet.Observed{})
}

// generations are those of the tables in a snapshot.
func generations(dtabs map[types.NamespacedName]*v1alpha1.Dtab) map[types.NamespacedName]int64 {
	generations := map[types.NamespacedName]int64{}
	for key, d := range dtabs {
		generations[key] = d.Generation
	}
	return generations
}

// ports are those that the fleet's Service must have: of every route that is
// served in some form, sorted.
func ports(result translate.Result) []int32 {
	var ports []int32
	for _, v := range result.Verdicts {
		if v.Serving != translate.ServesNothing {
			ports = append(ports, v.Route.Spec.Port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// allConnected tells whether every proxy that runs has acknowledged something.
func allConnected(observed fleet.Observed, progress publish.Progress) bool {
	acked := map[string]bool{}
	for _, p := range progress.Proxies {
		acked[p.Pod] = p.Acked > 0
	}
	return !slices.ContainsFunc(observed.Proxies, func(pod string) bool { return !acked[pod] })
}

// fleetOfRoute is called for the old and the new form of a route.
func fleetOfRoute(_ context.Context, o client.Object) []ctrl.Request {
	return requests(watch.FleetOf(o.(*v1alpha1.TCPRoute)))
}

// fleetOfChild maps what the deployment runtime made to its fleet.
func fleetOfChild(_ context.Context, o client.Object) []ctrl.Request {
	key, ok := fleet.Of(o)
	if !ok {
		return nil
	}
	return requests(key)
}

func (r *FleetReconciler) fleetsOfDtab(ctx context.Context, o client.Object) []ctrl.Request {
	fleets, err := r.Watch.FleetsOfDtab(ctx, client.ObjectKeyFromObject(o))
	return logged(ctx, fleets, err)
}

func (r *FleetReconciler) fleetsOfNamespace(ctx context.Context, o client.Object) []ctrl.Request {
	fleets, err := r.Watch.FleetsOfNamespace(ctx, o.GetName())
	return logged(ctx, fleets, err)
}

// logged reports an error that the cache's index cannot have, as long as it is set up.
func logged(ctx context.Context, fleets []types.NamespacedName, err error) []ctrl.Request {
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "map event to fleets")
	}
	return requests(fleets...)
}

func requests(keys ...types.NamespacedName) []ctrl.Request {
	var out []ctrl.Request
	for _, key := range keys {
		out = append(out, ctrl.Request{NamespacedName: key})
	}
	return out
}
