// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/controllers/fleet"
)

// NeedLeaderElection makes the manager start the runtime on the leader only.
func (r *Runtime) NeedLeaderElection() bool { return true }

// Start runs the children of all fleets until ctx ends. Then it drains them, and
// returns when the last is gone: after the longest drain delay and deadline
// together, and Options.KillGrace, at the latest.
func (r *Runtime) Start(ctx context.Context) error {
	var children, rest sync.WaitGroup
	stopped := make(chan struct{})
	rest.Go(func() { r.starter.run(stopped) })
	rest.Go(func() { r.renewTokens(ctx) })

	for ctx.Err() == nil {
		r.sync(ctx, &children)
		select {
		case <-r.wake:
		case <-ctx.Done():
		}
	}
	children.Wait()
	close(stopped) // only now: children die with the thread that started them
	rest.Wait()
	return nil
}

// sync starts and stops children until they are what is wanted.
func (r *Runtime) sync(ctx context.Context, children *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, g := range r.fleets {
		for index, c := range g.children {
			if index >= g.wanted {
				c.stop()
			}
		}
		for index := range g.wanted {
			if g.children[index] == nil {
				r.startChild(ctx, children, key, g, index)
			}
		}
		g.replaceOutdated()
		if g.gone && len(g.children) == 0 {
			r.forget(key, g)
		}
	}
}

// startChild starts one more child of a fleet. The lock is held.
func (r *Runtime) startChild(ctx context.Context, children *sync.WaitGroup, key types.NamespacedName, g *group, index int) {
	name := fmt.Sprintf("%s-%d", fleet.Name(key.Name), index)
	ctx, cancel := context.WithCancel(ctx)
	c := &child{index: index, flags: g.flags, name: name, cancel: cancel}
	g.children[index] = c
	s := &supervisor{
		binary:       r.options.Binary,
		flags:        g.flags,
		restartDelay: r.options.RestartDelay,
		killGrace:    r.options.KillGrace,
		starter:      r.starter,
		output:       r.output,
		log:          r.log.WithValues("fleet", key, "proxy", name),
		report:       func(now state) { r.report(key, c, now) },
	}
	s.flags.Pod, s.flags.StateDir = name, filepath.Join(g.dir, name)
	children.Go(func() {
		defer cancel()
		s.run(ctx)
		r.ended(key, g, c)
	})
}

// report takes over what a supervisor says of its process.
func (r *Runtime) report(key types.NamespacedName, c *child, now state) {
	r.mu.Lock()
	same := c.state == now
	c.state = now
	r.mu.Unlock()
	if !same {
		r.nudge()
		r.changed(key)
	}
}

// ended removes a child whose supervisor returned; like a pod's, the state of
// one that is no longer wanted goes with it.
func (r *Runtime) ended(key types.NamespacedName, g *group, c *child) {
	r.mu.Lock()
	delete(g.children, c.index)
	if c.index >= g.wanted {
		if err := os.RemoveAll(filepath.Join(g.dir, c.name)); err != nil {
			r.log.Error(err, "remove the state of a proxy", "fleet", key, "proxy", c.name)
		}
	}
	r.mu.Unlock()
	r.nudge()
	r.changed(key)
}

// forget removes a fleet that was deleted. The lock is held.
func (r *Runtime) forget(key types.NamespacedName, g *group) {
	delete(r.fleets, key)
	if err := os.RemoveAll(g.dir); err != nil {
		r.log.Error(err, "remove the directory of a fleet", "fleet", key)
	}
}

// renewTokens keeps the fleets' tokens fresh until ctx ends.
func (r *Runtime) renewTokens(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.renewDue(ctx)
		case <-ctx.Done():
			return
		}
	}
}
