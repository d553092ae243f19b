// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/api/v1alpha1"
)

func TestMigratingSaysWhatIsLeft(t *testing.T) {
	some, none := int64(12), int64(0)
	ten := resource.MustParse("10")
	rate := &v1alpha1.Migration{Mode: v1alpha1.MigrationRate, PerSecond: &ten}
	both := &v1alpha1.Migration{Mode: v1alpha1.MigrationRate, PerSecond: &ten, Deadline: &metav1.Duration{Duration: time.Hour}}
	deadline := &v1alpha1.Migration{Mode: v1alpha1.MigrationDeadline, Deadline: &metav1.Duration{Duration: time.Minute}}
	for _, test := range []struct {
		reason    string
		migration *v1alpha1.Migration
		stale     *int64
		want      string
	}{
		{"no migration", nil, &some, "-"},
		{"one that keeps", &v1alpha1.Migration{Mode: v1alpha1.MigrationKeep}, &some, "-"},
		{"a rate", rate, &some, "12 True Migrating: connections of arms that get no new ones are ended, at most 10 per second; " +
			"status.staleConnections says how many are left"},
		{"a rate with a deadline", both, &some, "12 True Migrating: connections of arms that get no new ones are ended, at most 10 per second, within 1h0m0s; " +
			"status.staleConnections says how many are left"},
		{"a deadline", deadline, &some, "12 True Migrating: connections of arms that get no new ones are ended, within 1m0s; " +
			"status.staleConnections says how many are left"},
		{"none left", rate, &none, "0 False Migrated: no connection is left on an arm that gets no new ones"},
		{"nobody has said, and what was said stays", rate, nil, "7 True Migrating: as before"},
	} {
		before := int64(7)
		r := &v1alpha1.TCPRoute{Spec: v1alpha1.TCPRouteSpec{Migration: test.migration}}
		r.Status.StaleConnections = &before
		r.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionMigrating, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonMigrating, Message: "as before",
		}}
		next := Migrating(v1alpha1.TCPRouteStatus{}, r, test.stale, metav1.NewTime(time.Unix(1, 0)))
		got := "-"
		for _, c := range next.Conditions {
			got = fmt.Sprintf("%d %s %s: %s", *next.StaleConnections, c.Status, c.Reason, c.Message)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// TestAMigrationIsToldWhenItBeginsAndEnds: not that a new route has nothing to migrate.
func TestAMigrationIsToldWhenItBeginsAndEnds(t *testing.T) {
	is := func(status metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionMigrating, Status: status, Reason: reason}}
	}
	on, off := is(metav1.ConditionTrue, v1alpha1.ReasonMigrating), is(metav1.ConditionFalse, v1alpha1.ReasonMigrated)
	for _, test := range []struct {
		reason        string
		before, after []metav1.Condition
		want          []string
	}{
		{"a new route", nil, off, nil},
		{"a new leader, in the middle", nil, on, []string{"Normal Migrating"}},
		{"it begins", off, on, []string{"Normal Migrating"}},
		{"it goes on", on, on, nil},
		{"it ends", on, off, []string{"Normal Migrated"}},
	} {
		var got []string
		for _, c := range turned(test.before, test.after) {
			got = append(got, importance(c)+" "+c.Reason)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
