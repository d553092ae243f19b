// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package status says on the objects of the cluster what is really in force. In
// go the verdicts of a translation, the progress of the fleet's proxies and what
// runs of the fleet; out come whole statuses, by pure functions (Route, Dtab,
// Fleet), and Writer brings them to the API server. Nothing here decides what is
// served, and no status says a thing twice: Ready sums up the other conditions.
//
// Messages are the same as long as their cause is the same: they hold no times,
// and no numbers but how many of how many. Every text is bounded.
package status

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wye-dev/wye/controllers/translate"
)

// maxMessage bounds the message of a condition, in bytes. An Event's note may
// not be longer.
const maxMessage = 1024

// judgement is a condition, but for generation and times.
type judgement = translate.Judgement

// conditions turns judgements into conditions, in their order. One whose status
// is as before keeps its time; what is in current and not judged is dropped.
func conditions(current []metav1.Condition, generation int64, now metav1.Time, judgements ...judgement) []metav1.Condition {
	next := make([]metav1.Condition, 0, len(judgements))
	for _, j := range judgements {
		if was := meta.FindStatusCondition(current, j.Type); was != nil {
			next = append(next, *was)
		}
		meta.SetStatusCondition(&next, metav1.Condition{
			Type:               j.Type,
			Status:             word(j),
			ObservedGeneration: generation,
			LastTransitionTime: now,
			Reason:             j.Reason,
			Message:            translate.Clip(j.Message, maxMessage),
		})
	}
	return next
}

func word(j judgement) metav1.ConditionStatus {
	switch {
	case j.True:
		return metav1.ConditionTrue
	case j.Unknown:
		return metav1.ConditionUnknown
	default:
		return metav1.ConditionFalse
	}
}

// sum is the first of the judgements that is not true, as a judgement of another
// type; ok when all are true.
func sum(typ string, ok judgement, judgements ...judgement) judgement {
	for _, j := range judgements {
		if !j.True {
			j.Type = typ
			return j
		}
	}
	ok.Type, ok.True = typ, true
	return ok
}
