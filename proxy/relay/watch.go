// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"context"
	"sync"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
)

// watch ends the session at its limits and when ctx ends, until stop is called.
// A session that is quiet costs nothing meanwhile.
func (s *session) watch(ctx context.Context) (stop func()) {
	undo := context.AfterFunc(ctx, func() { s.stop(flow.DrainDeadline) })
	var lifetime *time.Timer
	if s.limits.Lifetime > 0 {
		lifetime = time.AfterFunc(s.limits.Lifetime, func() { s.stop(flow.LifetimeExceeded) })
	}
	idle := s.watchIdle()
	return func() {
		undo()
		idle()
		if lifetime != nil {
			lifetime.Stop()
		}
	}
}

// watchIdle sleeps until the session would be idle, looks, and sleeps again for
// as long as it may still be quiet.
func (s *session) watchIdle() (stop func()) {
	if s.limits.Idle == 0 {
		return func() {}
	}
	var mu sync.Mutex
	var timer *time.Timer // guarded by mu
	stopped := false      // guarded by mu
	look := func() {
		left := s.limits.Idle - s.quiet()
		if left <= 0 {
			s.stop(flow.IdleTimeout)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			timer.Reset(left)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(s.limits.Idle, look)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}
