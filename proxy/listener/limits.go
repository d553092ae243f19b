// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"time"

	"github.com/wye-dev/wye/proxy/guard"
	"github.com/wye-dev/wye/proxy/plan"
)

// limits of a port. They change while it is open.
type limits struct {
	maxConnections int64 // at a time; 0: no limit
	acceptRate     uint32
	rate           *guard.Rate // nil: no limit
}

// limit has the port keep the limits of the plan from now on. Set.mu is held.
func (p *Port) limit(l *plan.Listener) {
	before := p.limits.Load()
	now := &limits{maxConnections: int64(l.MaxConnections), acceptRate: l.AcceptRate}
	switch {
	case before != nil && before.acceptRate == now.acceptRate:
		if now.rate = before.rate; before.maxConnections == now.maxConnections {
			return
		}
	case l.AcceptRate > 0:
		now.rate = guard.NewRate(l.AcceptRate)
	}
	if p.limits.Store(now); p.relimited != nil {
		p.relimited()
	}
}

// OnLimits has f called whenever the limits have changed: who waits for room may
// have it now. It is the driver's to call, in Serve.
func (p *Port) OnLimits(f func()) { p.relimited = f }

// Take asks whether one more may be accepted, as far as the rate goes, or how long
// it is until then. Return must follow if nobody comes.
func (p *Port) Take() (wait time.Duration) {
	if rate := p.limits.Load().rate; rate != nil {
		return rate.Take(time.Since(p.since))
	}
	return 0
}

// Return gives back what was taken for one who did not come.
func (p *Port) Return() {
	if rate := p.limits.Load().rate; rate != nil {
		rate.Return()
	}
}
