// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package load puts steady traffic of real Redis commands on an address, for the
// demo and the end-to-end tests: connections that stay and send a command now
// and then, and new ones at a steady rate with one command each. It notices every
// command that is not answered and every connection that is lost, also between
// two commands, and can count where exactly the next so many connections go.
package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// tick is how often a connection that stays sends a command.
const tick = 100 * time.Millisecond

// Options of Start.
type Options struct {
	Address   string // HOST:PORT that everything goes to
	Steady    int    // connections that stay
	Workers   int    // new connections that may be open at once
	PerSecond int    // new connections a second, all workers together
	// Retries is how often a command is tried again, on a new connection, before
	// it counts as failed. 0: not at all.
	Retries int
	// Key is incremented by commands that nobody counts.
	Key string
}

// Load is traffic that runs.
type Load struct {
	options Options
	rate    *rate.Limiter
	batch   atomic.Pointer[batch]
	workers sync.WaitGroup
	cancel  context.CancelFunc

	mu     sync.Mutex
	totals Totals // guarded by mu
}

// Start starts the traffic; it runs until Stop, or until ctx ends.
func Start(ctx context.Context, options Options) *Load {
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{options: options, rate: rate.NewLimiter(rate.Limit(options.PerSecond), options.Workers), cancel: cancel}
	l.batch.Store(endless(options.Key))
	for range options.Steady {
		l.workers.Go(func() { l.stay(ctx) })
	}
	for range options.Workers {
		l.workers.Go(func() { l.dialAgainAndAgain(ctx) })
	}
	return l
}

// Stop ends the traffic and returns once it has ended.
func (l *Load) Stop() {
	l.cancel()
	l.workers.Wait()
}

// Totals are the counts since Start.
func (l *Load) Totals() Totals {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.totals
}

// Count has the next n new connections increment key on whichever server they
// reach, and returns when all are answered. A command that was tried again may
// count twice. Only one Count may run at a time.
func (l *Load) Count(ctx context.Context, key string, n int64) error {
	b := newBatch(key, n)
	l.batch.Store(b)
	defer l.batch.Store(endless(l.options.Key))
	select {
	case <-b.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stay holds one connection and sends commands on it until ctx ends.
func (l *Load) stay(ctx context.Context) {
	line := newLine(l.options.Address)
	defer line.close()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for ctx.Err() == nil {
		l.send(ctx, line, true, func(c *redis.Client) error { return c.Set(ctx, l.options.Key+":steady", "x", 0).Err() })
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// dialAgainAndAgain sends each command on a connection of its own until ctx ends.
func (l *Load) dialAgainAndAgain(ctx context.Context) {
	for l.rate.Wait(ctx) == nil {
		b := l.batch.Load()
		if !b.begin() {
			continue // the batch has all it wants; the next one is about to be set
		}
		line := newLine(l.options.Address)
		l.send(ctx, line, false, func(c *redis.Client) error { return c.Incr(ctx, b.key).Err() })
		line.close()
		b.end()
	}
}

// send sends one command, as often as it takes and is allowed, and counts how it went.
func (l *Load) send(ctx context.Context, line *line, steady bool, command func(*redis.Client) error) {
	begun := time.Now()
	for try := 0; ; try++ {
		outcome := line.do(command)
		if ctx.Err() != nil {
			return // the traffic ends, and with it its connections
		}
		last := outcome.err == nil || try == l.options.Retries
		l.note(outcome, last, steady, time.Since(begun))
		if last {
			return
		}
	}
}

func (l *Load) note(o outcome, last, steady bool, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.totals.add(o, last, steady, took)
}

// batch is a number of new connections that are counted together.
type batch struct {
	key   string
	want  int64
	begun atomic.Int64
	left  atomic.Int64
	done  chan struct{} // closed when want connections have been dialled and answered
}

func newBatch(key string, want int64) *batch {
	b := &batch{key: key, want: want, done: make(chan struct{})}
	b.left.Store(want)
	return b
}

// endless is for connections that nobody counts.
func endless(key string) *batch { return newBatch(key, 1<<62) }

func (b *batch) begin() bool { return b.begun.Add(1) <= b.want }

func (b *batch) end() {
	if b.left.Add(-1) == 0 {
		close(b.done)
	}
}
