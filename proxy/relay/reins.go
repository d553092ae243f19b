// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"sync/atomic"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
)

// Reins are how others have a hold on a connection that is being relayed. The zero
// value is ready for one Copy; before that, and after it, there is nothing to hold.
type Reins struct {
	session atomic.Pointer[session]
}

// Quiet is for how long no byte was counted.
func (r *Reins) Quiet() time.Duration {
	if s := r.session.Load(); s != nil {
		return time.Since(time.Unix(0, s.last.Load()))
	}
	return 0
}

// End ends the connection with an outcome, unless it has ended. It tells whether there
// is one.
func (r *Reins) End(o flow.Outcome) bool {
	s := r.session.Load()
	if s != nil {
		s.stop(o)
	}
	return s != nil
}

// take gives the reins of s; nil takes none.
func (r *Reins) take(s *session) {
	if r != nil {
		r.session.Store(s)
	}
}
