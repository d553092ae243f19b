// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// attentive is how long a loop keeps its Go processor while it waits: it then needs
// no help of Go's scheduler to go on, which saves a tenth of the work under load.
// The collector and others who need the processor interrupt the wait by a signal.
const attentive = 5 * time.Millisecond

// wait returns the number of events that there are. It may be 0.
func (l *loop) wait() int {
	if len(l.ready) > 0 {
		return l.poll(0)
	}
	first := attentive
	if !l.driver.opts.Attentive {
		first = 0
	}
	if n := l.poll(first); n > 0 {
		return n
	}
	// Nothing for a while: let the processor go.
	l.now = time.Since(l.base)
	ms := milliseconds(l.patience())
	n, err := unix.EpollWait(l.epoll, l.events, ms)
	if err != nil {
		return 0 // EINTR; the loop comes back here
	}
	return n
}

// poll waits for events without giving the processor away.
func (l *loop) poll(d time.Duration) int {
	n, errno := epollWait(l.epoll, l.events, milliseconds(d))
	if errno == unix.EINTR {
		runtime.Gosched()
	}
	if errno != 0 {
		return 0
	}
	return n
}

// patience is how long the loop may wait, if nothing happens, until it has something to do.
func (l *loop) patience() time.Duration {
	d := l.wheel.next(l.now)
	if len(l.untold) > 0 {
		d = min(d, l.tellAt-l.now)
	}
	if l.tidyAt > 0 {
		d = min(d, l.tidyAt-l.now)
	}
	return max(0, d)
}

// milliseconds rounds up, so that no wait ends too soon.
func milliseconds(d time.Duration) int { return int((d + time.Millisecond - 1) / time.Millisecond) }
