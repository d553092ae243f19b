//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// measuredPIDs are the processes whose memory counts.
func (c *client) measuredPIDs() []int {
	if c.ProxyPID == 0 {
		return c.BackPIDs
	}
	return tree(c.ProxyPID)
}

// runIdle opens Conns connections, exchanges a message of Size bytes on each (when
// not 0), lets them rest and compares the proxy's memory with before.
func runIdle(c *client) (metrics, error) {
	pids := c.measuredPIDs()
	before, fds := memoryOf(pids), openFDs(pids)
	at := time.Now()
	conns, err := c.dialAll(c.Conns, modeMessages, c.Size)
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	opened := time.Since(at).Seconds()
	if c.Size > 0 {
		if err := exchangeOnce(conns, c.Size); err != nil {
			return nil, err
		}
	}
	sleep(c.Settle)
	after, n := memoryOf(pids), float64(c.Conns)
	m := metrics{
		"conns":             n,
		"opened_per_s":      n / opened,
		"base_rss_mib":      before.RSS / 1024,
		"base_pss_mib":      before.PSS / 1024,
		"base_pss_anon_mib": before.PSSAnon / 1024,
		"idle_pss_mib":      after.PSS / 1024,
		"idle_rss_mib":      after.RSS / 1024,
		"bytes_per_conn":    (after.PSS - before.PSS) * 1024 / n,
		"fds_per_conn":      float64(openFDs(pids)-fds) / n,
	}
	m["idle_cpu_milli"] = idleCPU(pids)
	return m, nil
}

// exchangeOnce sends a message of size bytes over each connection, 16 at a time.
func exchangeOnce(conns []net.Conn, size int) error {
	buffers := sync.Pool{New: func() any { return make([]byte, size) }}
	return parallel(16, len(conns), func(i int) error {
		b := buffers.Get().([]byte)
		defer buffers.Put(b) //nolint:staticcheck // SA6002: one small allocation per connection
		return exchange(conns[i], b)
	})
}

// idleCPU is the CPU time that pids use in a second, in ms.
func idleCPU(pids []int) float64 {
	before := cpuOf(pids).total()
	sleep(2)
	return (cpuOf(pids).total() - before) / 2 * 1000
}

// runRest reads the memory of a proxy that does nothing.
func runRest(c *client) (metrics, error) {
	sleep(c.Settle)
	pids := c.measuredPIDs()
	now := memoryOf(pids)
	return metrics{
		"rss_mib":        now.RSS / 1024,
		"pss_mib":        now.PSS / 1024,
		"pss_anon_mib":   now.PSSAnon / 1024,
		"idle_cpu_milli": idleCPU(pids),
	}, nil
}

// runDist opens Conns connections one after another on a few workers, keeps the
// last ones of each open, and counts which backend answered.
func runDist(c *client) (metrics, error) {
	const workers, keep = 8, 8
	var (
		next atomic.Uint32
		mu   sync.Mutex
		held [workers][]net.Conn // mu guards it
	)
	counts := map[byte]int{} // identity -> connections; mu guards it
	err := parallel(workers, c.Conns, func(int) error {
		conn, id, err := c.dial(modeMessages, 0, nil)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		counts[id]++
		w := next.Add(1) % workers
		held[w] = append(held[w], conn)
		if len(held[w]) > keep {
			held[w][0].Close()
			held[w] = held[w][1:]
		}
		return nil
	})
	for _, conns := range held {
		closeAll(conns)
	}
	if err != nil {
		return nil, err
	}
	m := metrics{"conns": float64(c.Conns)}
	for id, n := range counts {
		m["share_"+strconv.Itoa(int(id))] = float64(n) / float64(c.Conns)
	}
	return m, nil
}
