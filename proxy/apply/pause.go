// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"math/rand/v2"
	"time"
)

const (
	leastPause = 200 * time.Millisecond
	mostPause  = 5 * time.Second
)

// pause is the time to wait after so many failures in a row before the next
// attempt: from leastPause up, with the upper bound doubling each time to at
// most mostPause. It is random, so that the proxies of a fleet do not all come
// back to a new controller at once.
func pause(failures int) time.Duration {
	most := mostPause
	if failures < 4 { // leastPause << 5 is over mostPause
		most = leastPause << (failures + 1)
	}
	return leastPause + rand.N(most-leastPause)
}

// counted is how many of so many failures in a row count, of which err was the
// last. None do once a session stood for a while. One does when a controller
// answers that it does not lead: behind their Service the leader is as likely to
// be the next to answer, and the proxies of a new leader should all be there
// before it reports on them.
func counted(failures int, stood bool, err error) int {
	switch {
	case stood:
		return 0
	case errors.As(err, new(turnedAway)):
		return min(failures, 1)
	}
	return failures
}
