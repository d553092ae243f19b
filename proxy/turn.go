// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	// AdminSocket is before the address in the name of the admin port's socket, for
	// those who take it from the process before: Options.HandOver.
	AdminSocket = "admin/"
	portSocket  = "port/" // likewise, before a port's place

	// settleEvery is the time between looks at whether all is there to take over.
	settleEvery = 20 * time.Millisecond
	// settleTell is the time after which it is told what is missing.
	settleTell = 10 * time.Second
)

// inherits tells whether there is a process before this one to take over from.
func (s *server) inherits() bool { return s.HandOver != nil && s.HandOver.Inherited() }

// inherit is the socket that the process before has at a place, if any.
func (s *server) inherit(place string) *net.TCPListener {
	if s.HandOver == nil {
		return nil
	}
	return s.HandOver.Take(portSocket + place)
}

// handOver takes over from the process before, once all is there that this one is to
// serve, and then answers those who want to take over from it. Without either it just
// begins. end ends that, when nothing is served any more.
func (s *server) handOver(ctx context.Context) (end func()) {
	if s.HandOver == nil {
		close(s.begun)
		return func() {}
	}
	var turns sync.WaitGroup
	turns.Go(func() {
		if !s.settle(ctx) {
			return
		}
		s.takeOver()
		close(s.begun)
		s.HandOver.Serve(s.owner())
	})
	return func() {
		s.HandOver.Close()
		turns.Wait()
	}
}

// settle waits until this process serves all that it is to serve, if there is another
// one that does until then. It is false when ctx ended first.
func (s *server) settle(ctx context.Context) bool {
	if !s.inherits() {
		return true
	}
	look, tell := time.NewTicker(settleEvery), time.NewTicker(settleTell)
	defer look.Stop()
	defer tell.Stop()
	for {
		err := s.source.Settled()
		if err == nil {
			return true
		}
		select {
		case <-look.C:
		case <-tell.C:
			s.Log.Warn("not taking over yet; the process before goes on", "missing", err)
		case <-ctx.Done():
			return false
		}
	}
}

// takeOver begins to accept, and has the process before stop. What the kernel lets in
// meanwhile either of them accepts.
func (s *server) takeOver() {
	if s.inherits() {
		s.set.Begin()
		if err := s.HandOver.Relieve(); err != nil {
			s.Log.Warn("the process before has not said that it ends; going on beside it", "err", err)
		} else {
			s.Log.Info("taken over from the process before")
		}
	}
	if err := s.HandOver.Publish(); err != nil {
		s.Log.Error("no process can take over from this one", "err", err)
	}
}
