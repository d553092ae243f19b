// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// Migrating is the status next of a route with what is known of its migration: how
// many connections it is still to end, nil where the proxies have not said yet, and
// what is written stays. Where nothing is ended, nothing is said.
func Migrating(next v1alpha1.TCPRouteStatus, r *v1alpha1.TCPRoute, stale *int64, now metav1.Time) v1alpha1.TCPRouteStatus {
	m := r.Spec.Migration
	if !m.Ends() {
		return next
	}
	if stale == nil {
		next.StaleConnections = r.Status.StaleConnections
		if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionMigrating); c != nil {
			next.Conditions = append(next.Conditions, *c)
		}
		return next
	}
	next.StaleConnections = stale
	j := judgement{
		Type: v1alpha1.ConditionMigrating, Reason: v1alpha1.ReasonMigrated,
		Message: "no connection is left on an arm that gets no new ones",
	}
	if *stale > 0 {
		j.True, j.Reason = true, v1alpha1.ReasonMigrating
		j.Message = fmt.Sprintf("connections of arms that get no new ones are ended, %s; status.staleConnections says how many are left", pace(m))
	}
	next.Conditions = append(next.Conditions, conditions(r.Status.Conditions, r.Generation, now, j)...)
	return next
}

// pace says how fast a migration is.
func pace(m *v1alpha1.Migration) string {
	text := ""
	if m.PerSecond != nil {
		text = fmt.Sprintf("at most %s per second", m.PerSecond)
	}
	if m.Deadline == nil {
		return text
	}
	within := fmt.Sprintf("within %s", m.Deadline.Duration)
	if text == "" {
		return within
	}
	return text + ", " + within
}
