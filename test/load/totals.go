// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"time"
)

// Totals are counts of a Load.
type Totals struct {
	Steady  int64 // commands that were answered on connections that stay
	Fresh   int64 // commands that were answered on new connections
	Failed  int64 // commands that were not answered, or with an error, in the end
	Lost    int64 // connections that were closed or reset under a client
	Refused int64 // attempts at a connection that came to nothing
	// Slowest is the longest that a command took until it was answered, with the
	// connection that it needed.
	Slowest time.Duration
	// First is what went wrong first, tried again or not; nil if nothing did.
	First error
}

func (t *Totals) add(o outcome, last, steady bool, took time.Duration) {
	t.Lost += int64(o.lost)
	if o.refused {
		t.Refused++
	}
	if o.err != nil && t.First == nil {
		t.First = o.err
	}
	switch {
	case !last:
		return
	case o.err != nil:
		t.Failed++
		return
	case steady:
		t.Steady++
	default:
		t.Fresh++
	}
	t.Slowest = max(t.Slowest, took)
}

// Since are the counts without those of before. Slowest and First stay as they are.
func (t Totals) Since(before Totals) Totals {
	t.Steady -= before.Steady
	t.Fresh -= before.Fresh
	t.Failed -= before.Failed
	t.Lost -= before.Lost
	t.Refused -= before.Refused
	return t
}

func (t Totals) String() string {
	text := fmt.Sprintf("%d commands on connections that stay, %d on new ones; %d failed, %d connections lost, %d attempts refused; slowest %s",
		t.Steady, t.Fresh, t.Failed, t.Lost, t.Refused, t.Slowest.Round(time.Millisecond))
	if t.First != nil {
		text += fmt.Sprintf("; first trouble: %v", t.First)
	}
	return text
}
