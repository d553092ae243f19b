//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pingPongs exchange messages over long-lived connections: each sends one, waits
// for the answer, and goes on at once, or at its turn when there is a rate.
type pingPongs struct {
	conns   []net.Conn
	size    int
	begin   time.Time
	between time.Duration // messages of one connection; 0: as fast as it goes

	phase  atomic.Int32
	done   atomic.Int64 // while measuring
	failed atomic.Int64
	hists  []hist // one for each connection
	wg     sync.WaitGroup
}

func (c *client) pingPong() (*pingPongs, error) {
	conns, err := c.dialAll(c.Conns, modeMessages, c.Size)
	if err != nil {
		return nil, err
	}
	p := &pingPongs{conns: conns, size: c.Size, begin: time.Now(), hists: make([]hist, len(conns))}
	if c.Rate > 0 {
		p.between = time.Duration(float64(time.Second) * float64(c.Conns) / c.Rate)
	}
	for i := range conns {
		p.wg.Go(func() { p.play(i) })
	}
	return p, nil
}

func (p *pingPongs) play(i int) {
	b := make([]byte, p.size)
	due := p.begin.Add(p.between * time.Duration(i) / time.Duration(len(p.conns)))
	for {
		phase := p.phase.Load()
		if phase == over {
			return
		}
		at := time.Now()
		if p.between > 0 {
			at, due = waitUntil(due, at), due.Add(p.between)
		}
		if err := exchange(p.conns[i], b); err != nil {
			p.failed.Add(1)
			return
		}
		if phase == measuring {
			p.hists[i].add(int64(time.Since(at)))
			p.done.Add(1)
		}
	}
}

// waitUntil returns the time from which a message counts that is due. When the
// answer before came too late, that is when it was due; a late timer of ours
// does not count.
func waitUntil(due, now time.Time) time.Time {
	wait := due.Sub(now)
	if wait <= 0 {
		return due
	}
	time.Sleep(wait)
	return time.Now()
}

func exchange(conn net.Conn, b []byte) error {
	if _, err := conn.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, b)
	return err
}

// close waits for the last answers.
func (p *pingPongs) close() {
	p.phase.Store(over)
	p.wg.Wait()
	closeAll(p.conns)
}

// messages are those exchanged while measuring.
func (p *pingPongs) messages() float64 { return float64(p.done.Load()) }

// finish waits for the last answers, and adds what they came to.
func (p *pingPongs) finish(m metrics) {
	p.wg.Wait()
	m["errors"] += float64(p.failed.Load())
	m.addLatency(p.hists)
}

func (m metrics) addLatency(hists []hist) {
	var all hist
	for i := range hists {
		all.merge(&hists[i])
	}
	for name, q := range map[string]float64{"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999} {
		m[name] = float64(all.quantile(q)) / 1e3
	}
	m["max_us"] = float64(all.max) / 1e3
}

// runMessages exchanges messages over Conns connections. If the proxy has a
// controller, the changes that it acknowledges meanwhile are counted.
func runMessages(c *client) (metrics, error) {
	p, err := c.pingPong()
	if err != nil {
		return nil, err
	}
	defer p.close()
	var before float64
	if c.Control != "" {
		if before, err = c.acked(); err != nil {
			return nil, err
		}
	}
	at := time.Now()
	m, _ := c.measured(&p.phase, p.messages, "op")
	if c.Control != "" {
		after, err := c.acked()
		if err != nil {
			return nil, err
		}
		m["changes_per_s"] = (after - before) / time.Since(at).Seconds()
	}
	p.finish(m)
	return m, nil
}

// runMixed exchanges messages over Conns connections beside Streams others that
// stream. CPU is given per message.
func runMixed(c *client) (metrics, error) {
	s, err := c.stream(c.Streams)
	if err != nil {
		return nil, err
	}
	defer s.close()
	p, err := c.pingPong()
	if err != nil {
		return nil, err
	}
	defer p.close()
	var moved []float64 // at the window's beginning and end
	m, _ := c.measured(&p.phase, func() float64 {
		moved = append(moved, s.moved())
		return p.messages()
	}, "op")
	m["gib_per_s"] = (moved[len(moved)-1] - moved[0]) / m["seconds"]
	m["errors"] = float64(s.ended.Load())
	p.finish(m)
	return m, nil
}
