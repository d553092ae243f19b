// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Port counts what happens to a listener before there is a connection.
type Port struct {
	name string
	Full Pause // it serves as many connections as it may
	Rate Pause // it has accepted as many as it may for now
	// Handshakes are connections that have not said yet what is needed to serve them.
	Handshakes atomic.Int64
}

// Port returns where to count what happens to a listener of the plan in force.
func (m *Metrics) Port(listener string) *Port {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.port(listener)
}

// port finds or makes the port of a listener. m.mu is held.
func (m *Metrics) port(listener string) *Port {
	p := m.ports[listener]
	if p == nil {
		p = &Port{name: listener}
		m.ports[listener] = p
	}
	return p
}

// Pause counts the times in which a port does not accept. Its methods may be called
// from any thread.
type Pause struct {
	mu    sync.Mutex
	since time.Time     // guarded by mu: when the present one began; zero: there is none
	times uint64        // guarded by mu
	total time.Duration // guarded by mu: of those that are over
}

// Begin counts the beginning of a pause, unless there is one.
func (p *Pause) Begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = time.Now()
		p.times++
	}
}

// End counts the end of a pause, if there is one.
func (p *Pause) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() {
		p.total += time.Since(p.since)
		p.since = time.Time{}
	}
}

// read returns the number of pauses, and the time of all, of the present one until now.
func (p *Pause) read() (times uint64, total time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total = p.total
	if !p.since.IsZero() {
		total += time.Since(p.since)
	}
	return p.times, total
}

func (p *Port) collect(d descs, ch chan<- prometheus.Metric) {
	name := strings.ToValidUTF8(p.name, "\uFFFD")
	ch <- prometheus.MustNewConstMetric(d.handshakes, prometheus.GaugeValue, float64(p.Handshakes.Load()), name)
	for reason, pause := range map[string]*Pause{"max_connections": &p.Full, "accept_rate": &p.Rate} {
		times, total := pause.read()
		ch <- prometheus.MustNewConstMetric(d.pauses, prometheus.CounterValue, float64(times), name, reason)
		ch <- prometheus.MustNewConstMetric(d.paused, prometheus.CounterValue, total.Seconds(), name, reason)
	}
}
