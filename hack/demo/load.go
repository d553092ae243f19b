// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

const (
	steadyConnections = 50  // open from the first step to the last
	freshWorkers      = 16  // that dial a new connection for each command
	freshPerSecond    = 500 // new connections, all workers together
)

// load is the traffic of the demo: connections that stay for the whole of it
// and send a command now and then, and new connections at a steady rate.
type load struct {
	address string
	rate    *rate.Limiter

	step    atomic.Pointer[step]
	steady  atomic.Int64 // commands answered on connections that stay
	failed  atomic.Int64 // commands that were not answered, or with an error
	resets  atomic.Int64 // of them, those whose connection was closed or reset
	failure atomic.Value // the first failure, as text
	workers sync.WaitGroup
	cancel  context.CancelFunc
}

// step collects the new connections that were dialled during one step.
type step struct {
	key   string // that the commands of the step increment on whichever server they reach
	want  int64
	begun atomic.Int64
	left  atomic.Int64
	done  chan struct{} // closed when want connections have been dialled and answered
}

func newStep(key string, want int64) *step {
	s := &step{key: key, want: want, done: make(chan struct{})}
	s.left.Store(want)
	return s
}

func startLoad(ctx context.Context, address string) *load {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{address: address, rate: rate.NewLimiter(freshPerSecond, freshWorkers), cancel: cancel}
	l.step.Store(newStep("demo:before", 1<<62))
	for range steadyConnections {
		l.workers.Go(func() { l.stay(ctx) })
	}
	for range freshWorkers {
		l.workers.Go(func() { l.dialAgainAndAgain(ctx) })
	}
	return l
}

func (l *load) stop() {
	l.cancel()
	l.workers.Wait()
}

// stay holds one connection and sends commands on it until ctx ends.
func (l *load) stay(ctx context.Context) {
	client := connect(l.address)
	defer client.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if l.count(ctx, client.Set(ctx, "demo:steady", "x", 0).Err()) {
			l.steady.Add(1)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// dialAgainAndAgain sends each command on a connection of its own until ctx ends.
func (l *load) dialAgainAndAgain(ctx context.Context) {
	for l.rate.Wait(ctx) == nil {
		s := l.step.Load()
		if s.begun.Add(1) > s.want {
			continue // the step has all it wants; the next one is about to be set
		}
		client := connect(l.address)
		l.count(ctx, client.Incr(ctx, s.key).Err())
		client.Close()
		if s.left.Add(-1) == 0 {
			close(s.done)
		}
	}
}

// count tells whether a command was answered, and counts it if it was not.
func (l *load) count(ctx context.Context, err error) bool {
	if err == nil {
		return true
	}
	if ctx.Err() != nil {
		return false // the demo ends
	}
	l.failed.Add(1)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) {
		l.resets.Add(1)
	}
	l.failure.CompareAndSwap(nil, err.Error())
	return false
}

// connect makes a client that holds one connection and hides no failure.
func connect(address string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: address, PoolSize: 1, MaxRetries: -1, DisableIdentity: true, Protocol: 2,
		DialerRetries: 1, ContextTimeoutEnabled: true,
	})
}

// counted asks both servers how many commands of a step reached them.
func counted(ctx context.Context, servers []server, key string) ([]int64, error) {
	var counts []int64
	for _, s := range servers {
		n, err := s.client.Get(ctx, key).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, fmt.Errorf("ask %s: %w", s.name, err)
		}
		counts = append(counts, n)
	}
	return counts, nil
}
