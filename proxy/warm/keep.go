// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package warm

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/socket"
)

const (
	// lifetime is how long a connection waits for a client at most, minus up to a fifth
	// of it. It is less than most servers wait for a client to say who it is.
	lifetime = 30 * time.Second
	// sweepEvery is the time between looks at whether those that wait are still good.
	sweepEvery = time.Second
	// dialTime is what an endpoint has to answer.
	dialTime = 5 * time.Second
	// After a dial that failed comes a pause, twice as long after each that follows.
	pauseLeast = 100 * time.Millisecond
	pauseMost  = 10 * time.Second
)

// keep is a shelf that is kept full.
type keep struct {
	shelf *balancer.Shelf
	pool  atomic.Pointer[balancer.Pool] // as it is now
	log   *slog.Logger
	end   context.CancelFunc
}

// follow goes on with another form of the pool.
func (k *keep) follow(pool *balancer.Pool) {
	if k.pool.Swap(pool) != pool {
		k.sweep(time.Now())
	}
}

// run fills the shelf until ctx ends.
func (k *keep) run(ctx context.Context) {
	look := time.NewTicker(sweepEvery)
	defer look.Stop()
	pause := time.Duration(0)
	for ctx.Err() == nil {
		if k.shelf.Missing() == 0 {
			pause = 0
		} else {
			if pause = k.fill(ctx, pause); pause == 0 {
				continue
			}
		}
		var paused <-chan time.Time
		if pause > 0 {
			paused = time.After(pause/2 + rand.N(pause/2))
		}
		k.wait(ctx, look.C, paused)
	}
}

// wait returns when the shelf may not be full, or after a pause, if there is one.
func (k *keep) wait(ctx context.Context, look, paused <-chan time.Time) {
	wake := k.shelf.Wake()
	if paused != nil {
		wake = nil // there is no hurry to fail again
	}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look:
			k.sweep(now)
			if paused == nil {
				return
			}
		case <-wake:
			return
		case <-paused:
			return
		}
	}
}

// fill opens one connection. It returns the pause before the next, given the one
// before: 0 when it went well.
func (k *keep) fill(ctx context.Context, before time.Duration) (pause time.Duration) {
	err := k.open(ctx)
	switch {
	case err == nil, ctx.Err() != nil:
		return 0
	case before == 0:
		k.log.Debug("cannot keep a connection ready, trying again", "err", err)
	}
	return min(max(2*before, pauseLeast), pauseMost)
}

var errNobody = errors.New("no endpoint is there")

// attempts is how many endpoints are tried for one connection.
const attempts = 3

// open puts a new connection on the shelf.
func (k *keep) open(ctx context.Context) error {
	pool := k.pool.Load()
	var tried []*balancer.Endpoint
	err := errNobody
	for len(tried) < attempts {
		lease, ok := pool.Pick(balancer.Ask{Tried: tried, Now: time.Now()})
		if !ok {
			break
		}
		tried = append(tried, lease.Endpoint())
		var fd int
		if fd, err = dial(ctx, lease.Endpoint().Addr()); err == nil {
			k.put(fd, lease)
			return nil
		}
		if ctx.Err() == nil && !socket.Lack(err) {
			lease.Failed(time.Now())
		}
		lease.Release()
		if ctx.Err() != nil {
			break
		}
	}
	return err
}

// put puts it there.
func (k *keep) put(fd int, lease balancer.Lease) {
	lease.Reached(time.Now())
	lease.Opened()
	now := time.Now()
	r := balancer.Ready{FD: fd, Lease: lease, Since: now.Add(-rand.N(lifetime / 5))}
	if !k.shelf.Put(r) {
		discard([]balancer.Ready{r})
	}
	if !k.pool.Load().Contains(r.Lease.Endpoint()) { // it left meanwhile
		k.sweep(now)
	}
}

// dial connects, and returns a descriptor that does not block and nobody watches.
func dial(ctx context.Context, to netip.AddrPort) (fd int, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: socket.KeepAlive()}
	conn, err := dialer.DialTCP(ctx, "tcp", netip.AddrPort{}, to)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return socket.Duplicate(conn)
}

// sweep closes those that wait and are of no use any more.
func (k *keep) sweep(now time.Time) {
	pool := k.pool.Load()
	discard(k.shelf.Sweep(func(r balancer.Ready) bool {
		return now.Sub(r.Since) < lifetime && pool.Contains(r.Lease.Endpoint()) && r.Lease.Endpoint().Fit() && socket.Usable(r.FD)
	}))
}

func discard(all []balancer.Ready) {
	for _, r := range all {
		_ = unix.Close(r.FD)
		r.Lease.Release()
	}
}
