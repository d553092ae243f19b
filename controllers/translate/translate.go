// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package translate turns a snapshot of the cluster into the configuration of one fleet and a verdict on each of its
// routes. It reads nothing else and writes nothing: the same snapshot always gives the same result.
package translate

import (
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
	// Routes that name the fleet, in any order.
	Routes []*v1alpha1.TCPRoute
	// Dtabs in the namespaces of Routes.
	Dtabs map[types.NamespacedName]*v1alpha1.Dtab
	// NamespaceLabels of the namespaces of Routes.
	NamespaceLabels map[string]map[string]string // namespace -> labels
	// Names answers for concrete names.
	Names Names
	// Previous are the bound forms that the last translation found good.
	Previous map[types.NamespacedName]Bound // route -> form
}

// Names is a frozen view of service discovery. ok is false for a name that is
// not being watched yet, or whose first state is still awaited.
type Names interface {
	State(path dtab.Path) (state namer.State, ok bool)
}

// Arm is a leaf of a bound route: an arm's stable name and the concrete name that it goes to.
type Arm struct {
	Name string
	ID   dtab.Path
}

// Bound is the good form of a route, before endpoints.
type Bound struct {
	Tree dtab.Tree[Arm]
	Spec v1alpha1.TCPRouteSpec // that it was made from
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

// Judgement is one condition of a verdict, but for times and generations.
type Judgement struct {
	Type    string // Accepted or ResolvedRefs
	True    bool
	Unknown bool // True is false, and the answer is awaited
	Reason  string
	Message string
}

// Verdict is what translation found out about one route.
type Verdict struct {
	Route       *v1alpha1.TCPRoute
	Accepted    Judgement
	Resolved    Judgement
	Replicas    Judgement // Ready's share: ReasonReady, or ReasonNoReplicas with the arm named
	Serving     Serving
	Arms        []v1alpha1.ArmStatus
	Destination string
	Split       string
	// Dtab that the route's names were bound through; nil when none was needed.
	Dtab *types.NamespacedName
}

// Result is what a snapshot translates to.
type Result struct {
	// Config without a generation. Sorted, so that equal configs have equal bytes.
	Config *pushv1.Config
	// Verdicts, one per route, sorted by namespace and name.
	Verdicts []Verdict
	// Looked are the concrete names that the translation asked for, sorted:
	// exactly what has to be watched for the result to stay right.
	Looked []dtab.Path
	// Bound are the good forms, to be the Previous of the next translation.
	Bound map[types.NamespacedName]Bound
	// Pending tells whether any lookup is still awaited.
	Pending bool
}

// Fleet translates the snapshot of one fleet.
func Fleet(s Snapshot) Result { panic("contract") }
