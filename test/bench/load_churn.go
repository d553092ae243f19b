//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// churn opens connections, exchanges one byte, and closes them.
type churn struct {
	*client
	phase   atomic.Int32
	done    atomic.Int64 // while measuring
	resumed atomic.Int64 // of those
	failed  atomic.Int64
	lastErr atomic.Value // text
	hists   []hist       // one for each worker
}

// runChurn has Conns at once.
func runChurn(c *client) (metrics, error) {
	l := &churn{client: c, hists: make([]hist, c.Conns)}
	var workers sync.WaitGroup
	for i := range c.Conns {
		workers.Go(func() { l.work(&l.hists[i]) })
	}
	m, amount := c.measured(&l.phase, func() float64 { return float64(l.done.Load()) }, "conn")
	workers.Wait()
	if amount == 0 {
		return nil, fmt.Errorf("no connection was made: %v", l.lastErr.Load())
	}
	m["errors"] = float64(l.failed.Load())
	if c.TLS {
		m["resumed_share"] = float64(l.resumed.Load()) / float64(max(l.done.Load(), 1))
	}
	m.addLatency(l.hists)
	return m, nil
}

func (l *churn) work(h *hist) {
	var conf *tls.Config
	if l.TLS {
		var cache tls.ClientSessionCache
		if l.Resume {
			cache = tls.NewLRUClientSessionCache(4)
		}
		conf = l.tlsConfig(cache)
	}
	for {
		phase := l.phase.Load()
		if phase == over {
			return
		}
		at := time.Now()
		conn, _, err := l.dial(modeMessages, 0, conf)
		if err != nil {
			l.failed.Add(1)
			l.lastErr.Store(err.Error())
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if phase == measuring {
			h.add(int64(time.Since(at)))
			l.done.Add(1)
			if t, ok := conn.(*tls.Conn); ok && t.ConnectionState().DidResume {
				l.resumed.Add(1)
			}
		}
		conn.Close()
	}
}
