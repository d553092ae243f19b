// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Doorbell is a source of events for what happens outside the Kubernetes API:
// a name's state changed, a proxy acknowledged, a child process turned ready.
// Rings of the same key within Delay become one event.
type Doorbell struct {
	// Delay from the first ring to the event.
	Delay time.Duration

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request] // nil until started; mu guards it
	early []types.NamespacedName                                  // rung before that; mu guards it
}

// Ring announces that something about key changed. It never blocks.
func (d *Doorbell) Ring(key types.NamespacedName) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queue == nil {
		d.early = append(d.early, key)
		return
	}
	d.queue.AddAfter(reconcile.Request{NamespacedName: key}, d.Delay)
}

// Start is called by the controller that takes the events.
func (d *Doorbell) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	d.mu.Lock()
	d.queue = queue
	early := d.early
	d.early = nil
	d.mu.Unlock()
	for _, key := range early {
		d.Ring(key)
	}
	return nil
}
