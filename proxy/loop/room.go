// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"sync"
	"time"
)

// restLeast is for how long accepting rests at least, so that a port at its rate takes
// in several at a time.
const restLeast = 10 * time.Millisecond

// enter counts a connection in, if the port has room and its rate allows; leave must
// follow, or stay if nobody comes. If it is false, loops are told when to accept again.
func (s *source) enter() bool {
	if wait := s.port.Take(); wait > 0 {
		s.rest(wait)
		return false
	}
	if s.port.Enter() {
		return true
	}
	s.waiting.Store(true)
	s.counts.Full.Begin()
	if s.port.Enter() { // one may have left in between
		s.counts.Full.End()
		return true
	}
	s.port.Return()
	return false
}

// stay takes back an enter: nobody has come.
func (s *source) stay() {
	s.port.Return()
	s.leave()
}

func (s *source) leave() {
	if s.port.Leave() && s.waiting.Load() {
		s.roomy()
	}
}

// roomy has loops accept again that have stopped until the port has room.
func (s *source) roomy() {
	if s.waiting.Swap(false) {
		s.counts.Full.End()
		s.wake()
	}
}

// resting is the state of a source that has accepted as many as its rate allows.
type resting struct {
	mu    sync.Mutex
	timer *time.Timer // guarded by mu: to its end; nil: it does not rest
	over  bool        // guarded by mu: it is not to rest any more
}

// rest has loops accept again after a while.
func (s *source) rest(wait time.Duration) {
	r := &s.resting
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil || r.over {
		return
	}
	s.counts.Rate.Begin()
	r.timer = time.AfterFunc(max(wait, restLeast), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.timer = nil; !r.over {
			s.counts.Rate.End()
			s.wake()
		}
	})
}

// endRest is called when nobody new is let in: from then on loops may be gone.
func (s *source) endRest() {
	r := &s.resting
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over = true; r.timer != nil {
		r.timer.Stop()
		s.counts.Rate.End()
	}
}

func (s *source) wake() {
	for _, l := range s.driver.loops {
		l.post(letter{do: func() { l.resume(l.known(s)) }})
	}
}
