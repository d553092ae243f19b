// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

// Stale are the arms whose connections are to be migrated, of those that have any, in
// no order.
func (m *Metrics) Stale() []*Arm {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var arms []*Arm
	for _, a := range m.arms {
		if a.Stale() && a.Active() > 0 {
			arms = append(arms, a)
		}
	}
	return arms
}

// Stale tells whether the connections of the arm are to be migrated, by the plan in force.
func (a *Arm) Stale() bool { return a.stale.Load() }

// Active is the number of connections that have not ended.
func (a *Arm) Active() uint64 { return uint64(max(0, a.active.Load())) }

// Route that the arm is of; empty when the connections have none.
func (a *Arm) Route() string { return a.labels.route }
