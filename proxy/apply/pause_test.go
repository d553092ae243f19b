// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestPausesGrowAndStayWithinTheirBounds(t *testing.T) {
	for failures := range 100 {
		most := mostPause
		if failures < 4 {
			most = 400 * time.Millisecond << failures
		}
		for range 100 {
			if got := pause(failures); got < leastPause || got >= most {
				t.Fatalf("after %d failures: %v, want from %v to %v", failures, got, leastPause, most)
			}
		}
	}
}

func TestAControllerThatDoesNotLeadIsSoonAskedAgain(t *testing.T) {
	away, follower := errors.New("connection refused"), fmt.Errorf("session: %w", turnedAway{errors.New("not the leader")})
	for _, test := range []struct {
		failures int
		stood    bool
		err      error
		want     int
	}{
		{0, false, away, 0},
		{7, false, away, 7},
		{7, true, away, 0},
		{0, false, follower, 0},
		{1, false, follower, 1},
		{7, false, follower, 1},
		{7, true, follower, 0},
	} {
		if got := counted(test.failures, test.stood, test.err); got != test.want {
			t.Errorf("%d failures, stood %v, %v: %d count, want %d", test.failures, test.stood, test.err, got, test.want)
		}
	}
}
