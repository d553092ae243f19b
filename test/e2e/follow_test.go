//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// follow has see called with every form of an object of the tests' namespace, or
// of all objects of a kind when name is empty, until stop is called.
func (w *world) follow(t *testing.T, kind client.ObjectList, name string, see func(client.Object)) (stop func()) {
	t.Helper()
	options := []client.ListOption{client.InNamespace(namespace)}
	if name != "" {
		options = append(options, client.MatchingFields{"metadata.name": name})
	}
	events, err := w.client.Watch(t.Context(), kind, options...)
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range events.ResultChan() {
			if o, ok := event.Object.(client.Object); ok && event.Type != apiwatch.Deleted {
				see(o)
			}
		}
	}()
	return func() {
		events.Stop()
		<-done
	}
}
