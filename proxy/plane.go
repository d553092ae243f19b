// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"slices"
	"sync"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/health"
	"github.com/wye-dev/wye/proxy/listener"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/warm"
)

// plane brings configs into service: what can be served becomes a plan, and the
// plan is installed in the listeners. It implements apply.Plane.
type plane struct {
	set     *listener.Set
	checks  *health.Checker
	warm    *warm.Keeper
	builder plan.Builder // its Now is guarded by mu
	keys    *keyring     // nil: they come from elsewhere

	mu      sync.Mutex
	serving *plan.Plan        // guarded by mu; nil before the first config
	invalid []*pushv1.Refusal // guarded by mu; what the plan refused
	tally   tally             // guarded by mu
}

// Install implements apply.Plane. It is called by one goroutine at a time.
func (p *plane) Install(config *pushv1.Config) []*pushv1.Refusal {
	p.mu.Lock()
	p.builder.Now = time.Now()
	unusable := p.keys.Put(config)
	next, invalid := p.builder.Build(config, p.serving)
	p.keys.Explain(config, invalid)
	p.keys.Settle(config, p.serving, next)
	p.serving, p.invalid = next, append(invalid, unusable...)
	p.mu.Unlock()
	p.set.Install(next)
	p.checks.Follow(next)
	p.warm.Install(next)
	p.mu.Lock()
	p.tally.install(next, time.Now())
	p.mu.Unlock()
	return p.Refusals()
}

// Refusals implements apply.Plane: what the plan refused, then the ports that
// could not be bound.
func (p *plane) Refusals() []*pushv1.Refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat(p.invalid, p.set.Refusals())
}

// Report implements apply.Plane.
func (p *plane) Report(routes []string) []*pushv1.RouteReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tally.report(routes)
}
