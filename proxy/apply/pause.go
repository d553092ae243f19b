// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
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
