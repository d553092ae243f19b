// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	dialTimeout   = 2 * time.Second
	answerTimeout = 5 * time.Second
)

// line is a client that holds one connection and hides no failure. go-redis
// dials anew without a word when it finds its connection closed, so dials are
// counted.
type line struct {
	address string
	client  *redis.Client
	dialed  atomic.Int64 // connections made
	open    bool         // there was a connection after the last command
}

// outcome is what became of one attempt at a command.
type outcome struct {
	err     error
	lost    int  // connections that were closed or reset under the client
	refused bool // no connection could be made
}

// newLine makes a line, which belongs to one goroutine. It dials with the first command.
func newLine(address string) *line {
	l := &line{address: address}
	l.renew()
	return l
}

// renew forgets how dialling went: a go-redis client that could not dial does not
// try again for a second, and repeats the error.
func (l *line) renew() {
	l.close()
	dialer := net.Dialer{Timeout: dialTimeout}
	l.client = redis.NewClient(&redis.Options{
		Addr: l.address, PoolSize: 1, MaxRetries: -1, DisableIdentity: true, Protocol: 2,
		DialerRetries: 1, ContextTimeoutEnabled: true, ReadTimeout: answerTimeout, WriteTimeout: answerTimeout,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err == nil {
				l.dialed.Add(1)
			}
			return conn, err
		},
	})
}

func (l *line) close() {
	if l.client != nil {
		l.client.Close()
	}
}

// do sends one command, once.
func (l *line) do(command func(*redis.Client) error) outcome {
	before := l.dialed.Load()
	o := outcome{err: command(l.client)}
	dialed := l.dialed.Load() > before
	if l.open && (dialed || o.err != nil) {
		o.lost++ // the one that was open before
	}
	if dialed && o.err != nil {
		o.lost++ // the one that was just opened
	}
	var trouble *net.OpError
	o.refused = errors.As(o.err, &trouble) && trouble.Op == "dial"
	l.open = o.err == nil
	if o.err != nil {
		l.renew()
	}
	return o
}

// Shares asks servers, directly, how often each counted key.
func Shares(ctx context.Context, servers []*redis.Client, key string) ([]int64, error) {
	var counts []int64
	for _, s := range servers {
		n, err := s.Get(ctx, key).Int64()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		counts = append(counts, n)
	}
	return counts, nil
}
