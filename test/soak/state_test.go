//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// Growth from one rest to another that is not taken for a leak.
const (
	moreDescriptors = 4
	moreGoroutines  = 4
	moreHeap        = 4 * mib // and a fifth
	moreResident    = 8 * mib // and a fourth
)

// collections of garbage that lie between the beginning of a rest and what is held
// then: pools take two to empty, and what closes descriptors runs after that.
const collections = 3

// reuse is longer than a proxy keeps pipes and memory that nothing uses.
const reuse = 3 * time.Second

// state is what a proxy holds while nothing goes on.
type state struct {
	of                      string        // name of the proxy
	after                   time.Duration // since the beginning
	descriptors, goroutines float64
	heap, resident          float64 // bytes
}

func (s state) String() string {
	return fmt.Sprintf("%8s  %-11s  %4.0f descriptors  %4.0f goroutines  heap %5.1f MiB  resident %5.1f MiB",
		s.after.Round(time.Second), s.of, s.descriptors, s.goroutines, s.heap/mib, s.resident/mib)
}

// growth tells what s holds more than it should, given what was held before.
func (s state) growth(before state) []string {
	var grown []string
	for _, c := range []struct {
		what          string
		was, is, most float64
	}{
		{"descriptors", before.descriptors, s.descriptors, before.descriptors + moreDescriptors},
		{"goroutines", before.goroutines, s.goroutines, before.goroutines + moreGoroutines},
		{"bytes of heap", before.heap, s.heap, before.heap*1.2 + moreHeap},
		{"resident bytes", before.resident, s.resident, before.resident*1.25 + moreResident},
	} {
		if c.is > c.most {
			grown = append(grown, fmt.Sprintf("%s: %s grew from %.0f to %.0f, more than %.0f", s.of, c.what, c.was, c.is, c.most))
		}
	}
	return grown
}

// rest lets everything come to rest, checks the books, and returns what each proxy
// holds.
func (w *world) rest(t *testing.T) []state {
	t.Helper()
	w.load.rest()
	w.calm(t)
	var all []state
	after := time.Now().Add(reuse)
	for _, p := range w.proxies() {
		all = append(all, w.held(t, p, w.settled(t, p)+collections, after))
	}
	w.states = append(w.states, all...)
	return all
}

// settled waits until a proxy has no connections, checks its books, and returns how
// many collections of garbage it has made.
func (w *world) settled(t *testing.T, p *program) float64 {
	t.Helper()
	var f figures
	w.eventually(t, func() error {
		f = p.scrape(t)
		active := f.sum("wye_proxy_connections_active")
		accepted, closed := f.sum("wye_proxy_connections_accepted_total"), f.sum("wye_proxy_connections_closed_total")
		if active != 0 || accepted != closed {
			return fmt.Errorf("%s: no client is left, and %.0f connections are active, %.0f accepted, %.0f closed", p.name, active, accepted, closed)
		}
		return nil
	})
	for series, n := range f {
		if strings.HasPrefix(series, "wye_proxy_connections_closed_total{") && n > 0 && !expected(p, series) {
			w.tally.violation("%s: %s is %.0f", p.name, series, n)
		}
	}
	return f["go_gc_duration_seconds_count"]
}

// expected tells whether connections of a proxy may end as a series says: those that
// were killed, or whose client aborted them, with a reset. One that is killed at
// once may reach the front proxy before it has seen that it was connected.
func expected(p *program, series string) bool {
	outcomes := []string{"completed", "client_reset", "backend_reset"}
	if p.name == frontName {
		outcomes = append(outcomes, "connect_failed")
	}
	for _, outcome := range outcomes {
		if strings.Contains(series, `outcome="`+outcome+`"`) {
			return true
		}
	}
	return false
}

// held asks until a time, and until so many collections of garbage have been: asking
// makes some.
func (w *world) held(t *testing.T, p *program, collected float64, after time.Time) state {
	t.Helper()
	s := state{of: p.name, heap: math.Inf(1)}
	w.eventually(t, func() error {
		f := p.scrape(t)
		s.after = time.Since(w.began)
		s.descriptors, s.goroutines = f["process_open_fds"], f["go_goroutines"]
		s.heap = min(s.heap, f["go_memstats_heap_alloc_bytes"])
		s.resident = f["process_resident_memory_bytes"]
		if n := f["go_gc_duration_seconds_count"]; n < collected || time.Now().Before(after) {
			return fmt.Errorf("%s: %.0f collections of garbage, and waiting for %.0f", p.name, n, collected)
		}
		return nil
	})
	return s
}

// eventually waits until try succeeds.
func (w *world) eventually(t *testing.T, try func() error) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * patience); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}
