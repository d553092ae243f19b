// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// stayers is how many connections stay.
const stayers = 20

// load is traffic through the proxy: connections that stay and send a command now
// and then, while a test opens new ones with one command each.
type load struct {
	t       *testing.T
	demo    *demo
	ctx     context.Context
	stop    func() // ends the traffic, and waits for it
	batches int

	steady, fresh, failed atomic.Int64 // commands
	dialled               atomic.Int64 // connections that stay
	failure               atomic.Value // text of the first failure
}

// load starts the traffic.
func (d *demo) load() *load {
	ctx, cancel := context.WithCancel(d.t.Context())
	l := &load{t: d.t, demo: d, ctx: ctx}
	var workers sync.WaitGroup
	for range stayers {
		workers.Go(l.stay)
	}
	l.stop = sync.OnceFunc(func() {
		cancel()
		workers.Wait()
	})
	d.t.Cleanup(l.stop)
	return l
}

// connect makes a client that holds one connection and hides no failure.
func (l *load) connect() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: l.demo.address, PoolSize: 1, MaxRetries: -1, DisableIdentity: true, Protocol: 2,
		DialerRetries: 1, ContextTimeoutEnabled: true,
	})
}

// stay sends commands on one connection. The client would dial again without a word
// if it lost it, so dials are counted.
func (l *load) stay() {
	client := l.connect()
	defer client.Close()
	client.AddHook(dials{&l.dialled})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		l.count(&l.steady, client.Incr(l.ctx, "steady").Err())
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			return
		}
	}
}

// count counts a command.
func (l *load) count(answered *atomic.Int64, err error) {
	switch {
	case err == nil:
		answered.Add(1)
	case l.ctx.Err() == nil:
		l.failed.Add(1)
		l.failure.CompareAndSwap(nil, err.Error())
	}
}

// expect opens a batch of connections, some at a time, and expects so many of them
// at each server.
func (l *load) expect(want ...int) {
	l.t.Helper()
	l.batches++
	key := fmt.Sprintf("batch:%d", l.batches)
	turns := make(chan struct{}, 10)
	var all sync.WaitGroup
	for range batch {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			client := l.connect()
			defer client.Close()
			l.count(&l.fresh, client.Incr(l.ctx, key).Err())
		})
	}
	all.Wait()
	var got []int
	for _, s := range l.demo.redis {
		n, err := s.client.Get(l.ctx, key).Int()
		if err != nil && !errors.Is(err, redis.Nil) {
			l.t.Fatal(err)
		}
		got = append(got, n)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		l.t.Errorf("%s, connections at each server (-want +got):\n%s", key, diff)
	}
}

// dials is a hook of a client that counts its connections.
type dials struct{ count *atomic.Int64 }

func (d dials) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d.count.Add(1)
		return next(ctx, network, address)
	}
}

func (dials) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (dials) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
