// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package upstream connects a client's connection to an endpoint of a pool. An
// attempt that fails is followed by one to another endpoint, for as long as the
// connection's time to connect lasts; no endpoint is tried twice. It moves no
// payload.
package upstream

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
)

const (
	// attemptParts is how many attempts the time left is divided among at most,
	// so that an endpoint which does not answer leaves time for others.
	attemptParts = 3
	// attemptLeast is the time that an attempt gets in any case, while there is so much.
	attemptLeast = 100 * time.Millisecond
	// attemptsAtOnce may follow each other without a pause; between more, pause is
	// left, so that a large pool that is down is not searched in a burst per client.
	attemptsAtOnce = 3
	pause          = 50 * time.Millisecond
)

// Dialer connects to endpoints. The zero value is ready to use.
type Dialer struct {
	// Dial opens a connection. When nil, it is net.Dialer's with TCP_NODELAY and KeepAlive.
	Dial func(ctx context.Context, addr netip.AddrPort) (*net.TCPConn, error)
}

// KeepAlive is how peers that have vanished are found out, on both sides of the
// proxy: within two minutes.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}
}

// Limits of the time that connecting may take.
type Limits struct {
	Deadline time.Time     // of all attempts together
	Attempt  time.Duration // of each; 0: a share of what is left, so that there is time for others
}

// Connect connects c to an endpoint of pool within limits and notes in c the
// endpoint, the attempts and the last error. With the outcome Open, the
// connection and the lease, which is opened, are the caller's. Otherwise the
// outcome says why there is none: NoEndpoints, ConnectFailed, ConnectTimeout, or
// DrainDeadline when ctx ended.
func (d *Dialer) Connect(ctx context.Context, pool *balancer.Pool, limits Limits, c *flow.Conn) (*net.TCPConn, balancer.Lease, flow.Outcome) {
	var room [4]*balancer.Endpoint
	tried := room[:0]
	for {
		lease, ok := pool.Pick(tried)
		if !ok {
			return nil, lease, exhausted(len(tried))
		}
		tried = append(tried, lease.Endpoint())
		conn, err := d.attempt(ctx, lease.Endpoint().Addr(), limits.attempt(pool.Len()-len(tried)))
		c.Dials++
		if err == nil {
			lease.Opened()
			c.Endpoint, c.Connected, c.Err = lease.Endpoint().Addr(), time.Now(), nil
			return conn, lease, flow.Open
		}
		lease.Release()
		c.Err = err
		if outcome := wait(ctx, limits.Deadline, len(tried)); outcome != flow.Open {
			return nil, lease, outcome
		}
	}
}

func exhausted(tried int) flow.Outcome {
	if tried == 0 {
		return flow.NoEndpoints
	}
	return flow.ConnectFailed
}

// attempt is the time for one attempt when others endpoints could be tried after it.
func (l Limits) attempt(others int) time.Duration {
	left := time.Until(l.Deadline)
	if l.Attempt > 0 {
		return min(l.Attempt, left)
	}
	parts := time.Duration(min(others+1, attemptParts))
	return min(max(left/parts, attemptLeast), left)
}

func (d *Dialer) attempt(ctx context.Context, addr netip.AddrPort, timeout time.Duration) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if d.Dial != nil {
		return d.Dial(ctx, addr)
	}
	dialer := net.Dialer{KeepAliveConfig: KeepAlive()}
	return dialer.DialTCP(ctx, "tcp", netip.AddrPort{}, addr)
}

// wait is what lies between two attempts. It is Open when there is to be another.
func wait(ctx context.Context, deadline time.Time, attempts int) flow.Outcome {
	if attempts >= attemptsAtOnce && ctx.Err() == nil {
		timer := time.NewTimer(min(pause, time.Until(deadline)))
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	switch {
	case ctx.Err() != nil:
		return flow.DrainDeadline
	case !time.Now().Before(deadline):
		return flow.ConnectTimeout
	default:
		return flow.Open
	}
}
