// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// Bounds of a migration's perSecond.
const (
	leastPerSecond = 0.001
	mostPerSecond  = 100_000
)

// readMigration says what is wrong with a migration; nil: nothing.
func readMigration(m *v1alpha1.Migration) *Judgement {
	if m == nil {
		return nil
	}
	var wrong Judgement
	switch rate := perSecond(m); {
	case m.Mode == v1alpha1.MigrationRate && m.PerSecond == nil:
		wrong = notAccepted(v1alpha1.ReasonInvalid, "spec.migration: mode Rate needs perSecond, such as 10")
	case m.Mode == v1alpha1.MigrationRate && (rate < leastPerSecond || rate > mostPerSecond):
		wrong = notAccepted(v1alpha1.ReasonInvalid, "spec.migration.perSecond: %s is not from %v to %d", m.PerSecond, leastPerSecond, mostPerSecond)
	case m.Mode == v1alpha1.MigrationDeadline && m.Deadline == nil:
		wrong = notAccepted(v1alpha1.ReasonInvalid, "spec.migration: mode Deadline needs deadline, such as 10m")
	default:
		return nil
	}
	return &wrong
}

func perSecond(m *v1alpha1.Migration) float64 {
	if m.PerSecond == nil {
		return 0
	}
	return m.PerSecond.AsApproximateFloat64()
}

func wireSplitting(s v1alpha1.Splitting) pushv1.Splitting {
	if s == v1alpha1.SplittingSticky {
		return pushv1.Splitting_SPLITTING_STICKY
	}
	return pushv1.Splitting_SPLITTING_UNSPECIFIED
}

// wireMigration is a migration by the whole fleet; see [translation.divide].
func wireMigration(m *v1alpha1.Migration) *pushv1.Migration {
	if !m.Ends() {
		return nil
	}
	wire := &pushv1.Migration{IdleFirst: m.IdleFirst != nil && *m.IdleFirst, Deadline: wireDuration(m.Deadline)}
	if m.Mode == v1alpha1.MigrationRate {
		wire.PerSecond = perSecond(m)
	}
	return wire
}

// divide gives each proxy its part of what a migration allows to all of them.
func (t *translation) divide(m *pushv1.Migration) {
	if m != nil {
		m.PerSecond /= float64(max(1, t.snapshot.Proxies))
	}
}
