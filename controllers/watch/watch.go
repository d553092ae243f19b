// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package watch says which events concern which fleet, and gathers the snapshot
// that a fleet is translated from. It reads the manager's cache; it decides
// nothing and writes nothing.
package watch

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/translate"
)

// DefaultDtab is the name of the table of a route that names none.
const DefaultDtab = "default"

// Indexes over TCPRoutes.
const (
	byFleet = "wye.dev/fleet" // NAMESPACE/NAME of the fleet
	byDtab  = "wye.dev/dtab"  // NAMESPACE/NAME of the table
)

// Index adds the indexes that this package's look-ups need.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	indexes := map[string]func(*v1alpha1.TCPRoute) types.NamespacedName{byFleet: FleetOf, byDtab: DtabOf}
	for name, key := range indexes {
		err := indexer.IndexField(ctx, &v1alpha1.TCPRoute{}, name, func(o client.Object) []string {
			return []string{key(o.(*v1alpha1.TCPRoute)).String()}
		})
		if err != nil {
			return fmt.Errorf("index routes by %s: %w", name, err)
		}
	}
	return nil
}

// FleetOf is the fleet that a route names.
func FleetOf(route *v1alpha1.TCPRoute) types.NamespacedName {
	ref := route.Spec.FleetRef
	if ref.Namespace == "" {
		ref.Namespace = route.Namespace
	}
	return types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
}

// DtabOf is the table that a route's names are bound through, whether it exists or not.
func DtabOf(route *v1alpha1.TCPRoute) types.NamespacedName {
	name := DefaultDtab
	if ref := route.Spec.DtabRef; ref != nil {
		name = ref.Name
	}
	return types.NamespacedName{Namespace: route.Namespace, Name: name}
}

// Watch answers from the manager's cache.
type Watch struct {
	Reader client.Reader
}

// FleetsOfDtab are the fleets whose config depends on a table.
func (w Watch) FleetsOfDtab(ctx context.Context, dtab types.NamespacedName) ([]types.NamespacedName, error) {
	return w.fleets(ctx, client.MatchingFields{byDtab: dtab.String()})
}

// FleetsOfNamespace are the fleets that routes of a namespace name.
func (w Watch) FleetsOfNamespace(ctx context.Context, namespace string) ([]types.NamespacedName, error) {
	return w.fleets(ctx, client.InNamespace(namespace))
}

func (w Watch) fleets(ctx context.Context, which client.ListOption) ([]types.NamespacedName, error) {
	var routes v1alpha1.TCPRouteList
	if err := w.Reader.List(ctx, &routes, which); err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	seen := map[types.NamespacedName]bool{}
	var fleets []types.NamespacedName
	for i := range routes.Items {
		if fleet := FleetOf(&routes.Items[i]); !seen[fleet] {
			seen[fleet] = true
			fleets = append(fleets, fleet)
		}
	}
	return fleets, nil
}

// Gather takes the snapshot of one fleet, but for the names and the previous
// forms, which are the caller's. Objects that are not there, or on their way out,
// are left out of it.
func (w Watch) Gather(ctx context.Context, fleet types.NamespacedName) (translate.Snapshot, error) {
	s := translate.Snapshot{
		Dtabs:           map[types.NamespacedName]*v1alpha1.Dtab{},
		NamespaceLabels: map[string]map[string]string{},
	}
	var err error
	if s.Fleet, err = get(ctx, w.Reader, fleet, &v1alpha1.ProxyFleet{}); err != nil {
		return s, err
	}
	if s.Fleet != nil && !s.Fleet.DeletionTimestamp.IsZero() {
		s.Fleet = nil
	}
	var routes v1alpha1.TCPRouteList
	if err := w.Reader.List(ctx, &routes, client.MatchingFields{byFleet: fleet.String()}); err != nil {
		return s, fmt.Errorf("list routes of fleet %s: %w", fleet, err)
	}
	for i := range routes.Items {
		route := &routes.Items[i]
		if !route.DeletionTimestamp.IsZero() {
			continue
		}
		s.Routes = append(s.Routes, route)
		if err := w.addNeeds(ctx, &s, route); err != nil {
			return s, err
		}
	}
	return s, nil
}

// addNeeds adds to a snapshot what one route refers to.
func (w Watch) addNeeds(ctx context.Context, s *translate.Snapshot, route *v1alpha1.TCPRoute) error {
	if _, have := s.NamespaceLabels[route.Namespace]; !have {
		namespace, err := get(ctx, w.Reader, types.NamespacedName{Name: route.Namespace}, &corev1.Namespace{})
		if err != nil {
			return err
		}
		if namespace != nil {
			s.NamespaceLabels[route.Namespace] = namespace.Labels
		}
	}
	key := DtabOf(route)
	if _, have := s.Dtabs[key]; have {
		return nil
	}
	table, err := get(ctx, w.Reader, key, &v1alpha1.Dtab{})
	if table != nil && table.DeletionTimestamp.IsZero() {
		s.Dtabs[key] = table
	}
	return err
}

// get reads one object; it is nil when there is none.
func get[T client.Object](ctx context.Context, reader client.Reader, key types.NamespacedName, into T) (T, error) {
	var none T
	switch err := reader.Get(ctx, key, into); {
	case apierrors.IsNotFound(err):
		return none, nil
	case err != nil:
		return none, fmt.Errorf("get %T %s: %w", into, key, err)
	}
	return into, nil
}
