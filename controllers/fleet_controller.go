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

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/publish/tickets"
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
	// soon is how long a change waits for the answers of service discovery, and
	// then for acknowledgements, before it is reported, so that a change that all
	// of them take at once is one write.
	soon = 500 * time.Millisecond
	// saveInterval is the least time between two saves of a fleet's config.
	saveInterval = 5 * time.Second
)

// FleetReconciler is the pipeline: gather, translate, publish, report. Every
// event comes to it as the key of a fleet.
type FleetReconciler struct {
	Watch watch.Watch
	Names *namer.Table
	// Materials are the Secrets and ConfigMaps that routes refer to.
	Materials *watch.Materials
	// Tickets are the keys of TLS session tickets.
	Tickets *tickets.Keeper
	Book    *publish.Book
	Runtime fleet.Runtime
	Status  *status.Writer
	Usage   *Usage
	Stale   *Stale
	// Now is the clock.
	Now func() time.Time

	// Events from outside the Kubernetes API.
	NamesChanged     *watch.Doorbell
	MaterialsChanged *watch.Doorbell
	ProgressChanged  *watch.Doorbell
	RuntimeChanged   *watch.Doorbell

	started time.Time                           // of this leadership; set by the first Reconcile
	fleets  map[types.NamespacedName]fleetState // what one reconcile leaves for the next; one worker, so no lock
}

// fleetState is what the reconciler remembers of a fleet.
type fleetState struct {
	bound      map[types.NamespacedName]translate.Bound // route -> last good form
	generation uint64                                   // published last; 0 for none since this leadership began
	changed    time.Time                                // when that was
	awaiting   time.Time                                // since when names are awaited; zero when none are
	reported   bool                                     // since this leadership began
	saved      uint64                                   // generation that new pods start from
	savedAt    time.Time
}

// saver is a runtime that can keep a config where a new proxy finds it when the
// controller is away.
type saver interface {
	SaveConfig(ctx context.Context, fleet *v1alpha1.ProxyFleet, data []byte) error
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
		WatchesRawSource(r.MaterialsChanged).
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
	state := r.fleets[key]

	// 1. Gather and translate.
	snapshot, err := r.Watch.Gather(ctx, key)
	if err != nil {
		return ctrl.Result{}, err
	}
	snapshot.Names, snapshot.Previous = r.Names.View(), state.bound
	snapshot.Proxies = r.proxies(snapshot.Fleet)
	snapshot.Materials, snapshot.Now = r.Materials.View(), r.Now()
	result := translate.Fleet(snapshot)
	r.Names.Want(key.String(), result.Looked)
	r.Materials.Want(key, result.Needed)
	if snapshot.Fleet == nil {
		return ctrl.Result{}, r.gone(ctx, key, snapshot, result)
	}
	state.bound = result.Bound
	state.await(result.Pending, r.Now())
	defer func() { r.fleets[key] = state }()
	sealed := r.seal(snapshot.Fleet, &result)
	if (result.Pending || !sealed) && state.generation == 0 && r.Now().Sub(r.started) < settleLimit {
		// A new leader changes nothing before it knows what its predecessor knew.
		return ctrl.Result{RequeueAfter: recheck}, nil
	}

	// 2. Publish.
	applyErr := r.Runtime.Apply(ctx, snapshot.Fleet, result.Ports)
	if !errors.Is(applyErr, fleet.ErrPortTaken) {
		r.publish(snapshot.Fleet, result, &state)
	}
	saveAgain, saveErr := r.save(ctx, snapshot.Fleet, &state)

	// 3. Report.
	reportAgain, reportErr := r.report(ctx, snapshot, result, applyErr, &state)
	again := sooner(r.untilExpiry(result), sooner(saveAgain, reportAgain))
	return ctrl.Result{RequeueAfter: again}, errors.Join(applyErr, saveErr, reportErr)
}

// seal adds the keys of session tickets to a config that needs them. It tells whether
// they are known.
func (r *FleetReconciler) seal(f *v1alpha1.ProxyFleet, result *translate.Result) bool {
	if !result.Terminates {
		return true
	}
	keys := r.Tickets.Of(string(f.UID))
	if len(keys) > 0 {
		result.Config.TicketKeys = &pushv1.TicketKeys{Keys: keys}
	}
	return len(keys) > 0
}

// ringAll has every fleet looked at that may need ticket keys: that needs certificates.
func (r *FleetReconciler) ringAll() {
	for _, fleet := range r.Materials.Fleets() {
		r.MaterialsChanged.Ring(fleet)
	}
}

// untilExpiry is the time until a certificate of the fleet expires, 0 for none that does.
func (r *FleetReconciler) untilExpiry(result translate.Result) time.Duration {
	if result.Expires.IsZero() {
		return 0
	}
	// A timer of months is one that is never looked at again.
	return min(max(result.Expires.Sub(r.Now()), recheck), 24*time.Hour)
}

func (r *FleetReconciler) publish(f *v1alpha1.ProxyFleet, result translate.Result, state *fleetState) {
	key := client.ObjectKeyFromObject(f)
	r.Book.Seed(key, uint64(f.Status.ConfigGeneration), f.Status.ConfigHash)
	if generation := r.Book.Publish(key, result.Config); generation != state.generation {
		state.generation, state.changed = generation, r.Now()
	}
}

// save keeps the newest config for proxies that start while the controller is
// away. again is when to call it again, 0 for not before the next event.
func (r *FleetReconciler) save(ctx context.Context, f *v1alpha1.ProxyFleet, state *fleetState) (again time.Duration, err error) {
	runtime, ok := r.Runtime.(saver)
	if !ok || state.saved == state.generation {
		return 0, nil
	}
	if wait := saveInterval - r.Now().Sub(state.savedAt); wait > 0 {
		return wait, nil
	}
	key := client.ObjectKeyFromObject(f)
	data, err := pushv1.EncodeSaved(key.String(), r.Book.Config(key))
	if err != nil {
		return 0, fmt.Errorf("encode the config of fleet %s: %w", key, err)
	}
	if err := runtime.SaveConfig(ctx, f, data); err != nil {
		return 0, fmt.Errorf("save the config of fleet %s: %w", key, err)
	}
	state.saved, state.savedAt = state.generation, r.Now()
	return 0, nil
}

// report writes the statuses of the fleet, its routes and, through Usage, its
// tables. again is when to call it again, 0 for not before the next event.
func (r *FleetReconciler) report(
	ctx context.Context, snapshot translate.Snapshot, result translate.Result, applyErr error, state *fleetState,
) (again time.Duration, err error) {
	f, now := snapshot.Fleet, r.Now()
	key := client.ObjectKeyFromObject(f)
	observed, err := r.Runtime.Observe(ctx, f)
	if err != nil {
		return 0, fmt.Errorf("observe fleet %s: %w", key, err)
	}
	progress := r.Book.Progress(key)
	if wait := r.patience(observed, progress, state); wait > 0 {
		return wait, nil
	}
	state.reported = true

	r.Usage.Put(key, FleetUse{
		Use:         status.Use{Verdicts: result.Verdicts, Progress: progress, Observed: observed},
		Generations: generations(snapshot.Dtabs),
	})
	next := status.Fleet(status.FleetState{
		Fleet: f, Verdicts: result.Verdicts, Progress: progress, Observed: observed, Err: applyErr,
	}, metav1.NewTime(now))
	return observed.Recheck, errors.Join(
		r.Status.Fleet(ctx, f, next),
		r.reportRoutes(ctx, key, result.Verdicts, progress, observed),
	)
}

// await notes whether names are awaited.
func (s *fleetState) await(pending bool, now time.Time) {
	switch {
	case !pending:
		s.awaiting = time.Time{}
	case s.awaiting.IsZero():
		s.awaiting = now
	}
}

// patience is how long to wait for names and proxies that will most likely be
// there by then, and would only be reported as awaited to be reported as found a
// moment later. 0 when all are, or when they had their time.
func (r *FleetReconciler) patience(observed fleet.Observed, progress publish.Progress, state *fleetState) time.Duration {
	acked := map[string]uint64{}
	for _, p := range progress.Proxies {
		acked[p.Pod] = p.Acked
	}
	behind := func(generation uint64) bool {
		return slices.ContainsFunc(observed.Proxies, func(pod string) bool { return acked[pod] < generation })
	}
	missing := len(observed.Proxies) < int(observed.Wanted)
	switch now := r.Now(); {
	case !state.reported && (missing || behind(1)) && now.Sub(r.started) < reconnectLimit:
		return recheck // the proxies of a predecessor are on their way here, or start again with it
	case !state.awaiting.IsZero() && now.Sub(state.awaiting) < soon:
		return soon - now.Sub(state.awaiting)
	case behind(state.generation):
		return max(0, soon-now.Sub(state.changed))
	}
	return 0
}

// sooner is the shorter of two waits, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

func (r *FleetReconciler) reportRoutes(
	ctx context.Context, key types.NamespacedName, verdicts []translate.Verdict, progress publish.Progress, observed fleet.Observed,
) error {
	r.Stale.Want(key, migrating(verdicts, progress))
	var errs []error
	for _, v := range verdicts {
		now := metav1.NewTime(r.Now())
		next := status.Route(v, progress, observed, now)
		next = status.Migrating(next, v.Route, r.Stale.Of(key, client.ObjectKeyFromObject(v.Route).String()), now)
		errs = append(errs, r.Status.Route(ctx, v.Route, next))
	}
	return errors.Join(errs...)
}

// gone cleans up after a fleet that does not exist, and tells the routes that name it.
func (r *FleetReconciler) gone(ctx context.Context, key types.NamespacedName, snapshot translate.Snapshot, result translate.Result) error {
	delete(r.fleets, key)
	r.Book.Forget(key)
	r.Names.Want(key.String(), nil)
	r.Materials.Want(key, nil)
	if len(result.Verdicts) == 0 {
		r.Usage.Drop(key)
	} else {
		r.Usage.Put(key, FleetUse{Use: status.Use{Verdicts: result.Verdicts}, Generations: generations(snapshot.Dtabs)})
	}
	if err := r.Runtime.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete fleet %s: %w", key, err)
	}
	return r.reportRoutes(ctx, key, result.Verdicts, publish.Progress{}, fleet.Observed{})
}

// generations are those of the tables in a snapshot.
func generations(dtabs map[types.NamespacedName]*v1alpha1.Dtab) map[types.NamespacedName]int64 {
	generations := map[types.NamespacedName]int64{}
	for key, d := range dtabs {
		generations[key] = d.Generation
	}
	return generations
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
