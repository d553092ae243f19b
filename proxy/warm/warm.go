// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package warm keeps connections to endpoints ready for clients to come, for the pools
// that ask for them. It opens them one after the other, to endpoints that the pool
// chooses, finds out which have been closed or have become too old, and opens others in
// their place. Who takes them is upstream's business; what is said on them it never reads.
package warm

import (
	"context"
	"log/slog"
	"sync"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/plan"
)

// Keeper keeps the shelves of a plan full.
type Keeper struct {
	log    *slog.Logger
	ctx    context.Context // of all dials
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu      sync.Mutex
	keeping map[*balancer.Shelf]*keep // guarded by mu; nil once closed
}

// New makes a Keeper that keeps nothing yet.
func New(log *slog.Logger) *Keeper {
	//nolint:forbidigo // connections outlive every context of the caller; Close ends them
	ctx, cancel := context.WithCancel(context.Background())
	return &Keeper{log: log, ctx: ctx, cancel: cancel, keeping: map[*balancer.Shelf]*keep{}}
}

// Install follows the plan in force: connections are kept for its pools, and closed
// whose pool or endpoint has left it.
func (k *Keeper) Install(p *plan.Plan) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keeping == nil {
		return
	}
	stays := map[*balancer.Shelf]bool{}
	for _, pool := range p.Pools {
		shelf := pool.Shelf()
		if shelf == nil {
			continue
		}
		stays[shelf] = true
		if keeps := k.keeping[shelf]; keeps != nil {
			keeps.follow(pool.Pool)
		} else {
			k.begin(shelf, pool.Pool)
		}
	}
	for shelf, keeps := range k.keeping {
		if !stays[shelf] {
			keeps.end()
			discard(shelf.Close()) // now: the pool may come back, with this shelf
			delete(k.keeping, shelf)
		}
	}
}

// begin keeps one more shelf. k.mu is held.
func (k *Keeper) begin(shelf *balancer.Shelf, pool *balancer.Pool) {
	ctx, end := context.WithCancel(k.ctx)
	keeps := &keep{shelf: shelf, log: k.log.With("pool", pool.Name()), end: end}
	keeps.pool.Store(pool)
	k.keeping[shelf] = keeps
	shelf.Open()
	k.all.Go(func() {
		defer end()
		keeps.run(ctx)
	})
}

// Close closes all connections that wait, and keeps none any more.
func (k *Keeper) Close() {
	k.mu.Lock()
	keeping := k.keeping
	k.keeping = nil
	k.mu.Unlock()
	k.cancel()
	for shelf := range keeping {
		discard(shelf.Close())
	}
	k.all.Wait()
}
