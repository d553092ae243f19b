// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package translate turns a snapshot of the cluster into the configuration of one fleet and a verdict on each of its
// routes. It reads nothing else and writes nothing: the same snapshot always gives the same result.
package translate

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Snapshot is everything that the config of one fleet depends on.
type Snapshot struct {
	// Fleet is nil when routes name a fleet that does not exist.
	Fleet *v1alpha1.ProxyFleet
	// Routes that name the fleet, in any order. Their status is read for one
	// thing: whether something was ever published for them (ConfigHash).
	Routes []*v1alpha1.TCPRoute
	// Dtabs in the namespaces of Routes.
	Dtabs map[types.NamespacedName]*v1alpha1.Dtab
	// NamespaceLabels of the namespaces of Routes.
	NamespaceLabels map[string]map[string]string // namespace -> labels
	// Names answers for concrete names.
	Names Names
	// Proxies of the fleet that run, among which what is allowed to all of them
	// together is divided. 0 counts as 1.
	Proxies int
	// Materials are the Secrets and ConfigMaps with certificates; nil: none is known yet.
	Materials Materials
	// Now is held against the ends of certificates.
	Now time.Time
	// Previous are the bound forms that the last translation of this fleet found good.
	Previous map[types.NamespacedName]Bound // route -> form
}

// Names is a frozen view of service discovery. ok is false for a name that is
// not being watched yet, or whose first state is still awaited.
type Names interface {
	State(path dtab.Path) (state namer.State, ok bool)
}

// Arm is a leaf of a bound route: an arm's stable name and the concrete name that it goes to.
type Arm struct {
	Name      string
	ID        dtab.Path
	Namespace string // of the route, in which its references are
}

// Bound is the good form of a route, before endpoints.
type Bound struct {
	// Tree has no Alt. In the backends form it is a Union with one child per
	// backend, in the order of the spec.
	Tree dtab.Tree[Arm]
	Spec v1alpha1.TCPRouteSpec // that it was made from, with backends that lead somewhere alone
	// Materials that it needs, each good for its use.
	Materials map[use]*Material
}

// Serving says what the published config holds for a route.
type Serving uint8

const (
	// ServesNothing: the route has no part in the config.
	ServesNothing Serving = iota
	// ServesNewest: the config holds what the route's newest form says.
	ServesNewest
	// ServesLastGood: the newest form cannot be used; the config holds the form
	// in Previous, with the endpoints of now.
	ServesLastGood
	// ServesRetained: the same, but no last good form is known here (a
	// controller that just started), so the proxies are told to keep theirs.
	ServesRetained
)

// String is the name without its prefix, such as LastGood.
func (s Serving) String() string {
	switch s {
	case ServesNewest:
		return "Newest"
	case ServesLastGood:
		return "LastGood"
	case ServesRetained:
		return "Retained"
	default:
		return "Nothing"
	}
}

// Judgement is one condition of a verdict, but for times and generations.
type Judgement struct {
	Type    string // Accepted, ResolvedRefs or Ready
	True    bool
	Unknown bool // True is false, and the answer is awaited
	Reason  string
	Message string
}

// Verdict is what translation found out about one route.
type Verdict struct {
	Route    *v1alpha1.TCPRoute
	Accepted Judgement
	Resolved Judgement
	// Replicas is Ready's share: whether the form that is served has endpoints
	// for every arm that gets connections. ReasonReady; or ReasonNoReplicas or
	// ReasonNoWeight with what is wrong. True when nothing is served.
	Replicas Judgement
	Serving  Serving
	// Arms of the form that is served, in the order of the tree. None when that
	// is not known here (ServesRetained).
	Arms        []v1alpha1.ArmStatus
	Destination string // as the newest spec asks for, in short
	Split       string // of Arms, such as "redis1=90% redis2=10%"
	// Dtab that the route's names are bound through; nil when none is needed.
	Dtab *types.NamespacedName
}

// Result is what a snapshot translates to.
type Result struct {
	// Config without a generation. Sorted, so that equal configs have equal bytes.
	Config *pushv1.Config
	// Ports that the fleet has to offer, sorted: those of Config, and those of
	// the routes that are retained.
	Ports []int32
	// Verdicts, one per route, sorted by namespace and name.
	Verdicts []Verdict
	// Looked are the concrete names that the translation asked for, sorted: what
	// has to be watched for the result to stay right, and so that alternatives
	// which are not taken now are known when they are.
	Looked []dtab.Path
	// Needed are the Secrets and ConfigMaps that the translation asked for, sorted.
	Needed []Ref
	// Terminates tells whether Config ends the TLS of clients anywhere.
	Terminates bool
	// Expires is when the first certificate in Config expires that has not yet; zero: none.
	Expires time.Time
	// Bound are the forms in Config, and those that are only retained there while their
	// names are awaited, to be the Previous of the next translation.
	Bound map[types.NamespacedName]Bound
	// Pending tells whether an answer is awaited that a route waits for.
	Pending bool
}

// Fleet translates the snapshot of one fleet.
func Fleet(s Snapshot) Result {
	t := &translation{
		snapshot: s,
		names:    &lookups{names: s.Names, looked: map[string]dtab.Path{}},
		tables:   map[types.NamespacedName]*table{},
		empty:    &table{table: dtab.NewTable(nil)},
		needed:   map[Ref]bool{},
	}
	// 1. Each route by itself.
	drafts := make([]*draft, 0, len(s.Routes))
	for _, r := range s.Routes {
		drafts = append(drafts, t.judge(r))
	}
	// 2. The routes against each other.
	settlePorts(drafts)
	// 3. What is left is served.
	slices.SortFunc(drafts, func(a, b *draft) int { return compareKeys(a.key, b.key) })
	return t.result(drafts)
}

// translation is one call of Fleet.
type translation struct {
	snapshot Snapshot
	names    *lookups
	tables   map[types.NamespacedName]*table // Dtab -> what it says, read once; nil for none
	empty    *table                          // for names that no Dtab is needed for
	needed   map[Ref]bool                    // Secrets and ConfigMaps asked for
	expires  time.Time                       // as in Result
}

// draft is a route on its way through a translation.
type draft struct {
	key     types.NamespacedName
	verdict Verdict
	form    *Bound                 // that is served; nil when Serving is ServesNothing or ServesRetained
	port    int32                  // on which it is served; 0 when Serving is ServesNothing
	spec    *v1alpha1.TCPRouteSpec // that is served, as far as it is known here; nil likewise
	kept    *Bound                 // that is served once its names are known again; nil for none
}

// serve sets what a route serves. form is nil for what the proxies hold.
func (d *draft) serve(s Serving, form *Bound, spec *v1alpha1.TCPRouteSpec) {
	d.verdict.Serving, d.form, d.spec, d.port = s, form, spec, spec.Port
}

// serveNothing undoes serve.
func (d *draft) serveNothing() {
	d.verdict.Serving, d.form, d.spec, d.port, d.kept = ServesNothing, nil, nil, 0, nil
}

// judge says what a route would serve if it were alone in its fleet.
func (t *translation) judge(r *v1alpha1.TCPRoute) *draft {
	d := &draft{key: types.NamespacedName{Namespace: r.Namespace, Name: r.Name}}
	d.verdict = Verdict{
		Route:       r,
		Accepted:    attach(t.snapshot, r),
		Resolved:    unresolved("names are looked up once the route is accepted"),
		Replicas:    Judgement{Type: v1alpha1.ConditionReady, True: true, Reason: v1alpha1.ReasonReady},
		Destination: destination(r.Spec),
	}
	if !d.verdict.Accepted.True {
		return d
	}
	targets, wrong := read(r)
	if wrong != nil {
		d.verdict.Accepted = *wrong
		t.fallBack(d)
		return d
	}
	form, resolved, through := t.bind(r, targets)
	d.verdict.Resolved, d.verdict.Dtab = resolved, through
	if form == nil {
		t.fallBack(d)
		return d
	}
	expired, wrong := t.secure(r.Namespace, form)
	if wrong != nil {
		d.verdict.Resolved = *wrong
		t.fallBack(d)
		return d
	}
	if expired != "" {
		d.verdict.Resolved.Message += "; " + expired
	}
	d.serve(ServesNewest, form, &r.Spec)
	return d
}

// fallBack picks what a route serves whose newest form cannot be used:
//
//  1. the last good form, with the endpoints of now;
//  2. where there is none, what the proxies hold;
//  3. nothing, where a route that is not well formed never had another form: it
//     must not hold a port against others.
func (t *translation) fallBack(d *draft) {
	previous, ok := t.snapshot.Previous[d.key]
	r := d.verdict.Route
	switch {
	case ok && t.awaited(previous.Tree) == nil:
		previous = t.renewed(r.Namespace, previous)
		d.serve(ServesLastGood, &previous, &previous.Spec)
	case ok:
		previous = t.renewed(r.Namespace, previous)
		d.serve(ServesRetained, nil, &previous.Spec)
		d.kept = &previous
	case d.verdict.Accepted.True || r.Status.ConfigHash != "":
		d.serve(ServesRetained, nil, &r.Spec)
	}
}

// result puts the drafts together. They are sorted.
func (t *translation) result(drafts []*draft) Result {
	res := Result{Config: t.config(drafts), Bound: map[types.NamespacedName]Bound{}}
	for _, d := range drafts {
		if d.form != nil {
			t.describe(d)
			res.Bound[d.key] = *d.form
		} else if d.kept != nil {
			res.Bound[d.key] = *d.kept
		}
		if d.port != 0 {
			res.Ports = append(res.Ports, d.port)
		}
		res.Verdicts = append(res.Verdicts, d.verdict)
	}
	slices.Sort(res.Ports)
	res.Ports = slices.Compact(res.Ports)
	res.Looked, res.Pending = t.names.sorted(), t.names.pending
	res.Needed = slices.SortedFunc(maps.Keys(t.needed), compareRefs)
	res.Terminates, res.Expires = terminates(res.Config), t.expires
	return res
}

func compareKeys(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
