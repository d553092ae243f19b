// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

// Reading is what one arm has counted.
type Reading struct {
	Listener, Route, Arm string
	Connected            uint64 // connections that reached an endpoint
	Active               uint64 // connections that have not ended
	Stale                bool   // they are to be migrated
	Out                  int    // endpoints that are out
}

// Read reads the arms as a scrape does, in no order. Connected never falls while
// an arm is in the config.
func (m *Metrics) Read() []Reading {
	m.mu.RLock()
	defer m.mu.RUnlock()
	readings := make([]Reading, 0, len(m.arms))
	for key, a := range m.arms {
		r := Reading{Listener: key.listener, Route: key.route, Arm: key.arm, Active: a.Active(), Stale: a.Stale()}
		if pool := a.pool.Load(); pool != nil {
			r.Out = pool.Out()
		}
		for i := range a.connects {
			r.Connected += uint64(a.connects[i].Load())
		}
		readings = append(readings, r)
	}
	return readings
}
