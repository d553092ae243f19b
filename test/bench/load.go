//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// loadSpec tells one load client (`bench load`, which reads it from standard
// input as JSON) what to do. Every measurement has a client process of its own.
type loadSpec struct {
	Kind     string  `json:"kind"`   // a key of loads
	Target   string  `json:"target"` // address to connect to
	TLS      bool    `json:"tls"`
	Resume   bool    `json:"resume"`   // churn: resume TLS sessions
	Mode     string  `json:"mode"`     // bulk, mixed: down, up, both
	Conns    int     `json:"conns"`    // connections (churn: how many at once); of mixed: those with messages
	Streams  int     `json:"streams"`  // mixed: the others
	Size     int     `json:"size"`     // rr, mixed: bytes of a message; idle: of the one exchanged before
	Rate     float64 `json:"rate"`     // rr, mixed: messages/s over all connections, 0 for as fast as it goes
	Routes   int     `json:"routes"`   // apply: routes that change at a time
	Seconds  float64 `json:"seconds"`  // measured
	Warmup   float64 `json:"warmup"`   // before that
	Settle   float64 `json:"settle"`   // idle, rest: wait before memory is read
	ProxyPID int     `json:"proxyPid"` // 0 for direct
	BackPIDs []int   `json:"backPids"` // whatever else is ours
	Sources  int     `json:"sources"`  // spread client ports over 127.0.1.1..n (plain 127.0.0.1 when 0)
	Control  string  `json:"control"`  // address of the controller that the proxy has, if it has one
}

// metrics are the numbers of one measurement, by name.
type metrics map[string]float64

// loads are the kinds of load.
func loads() map[string]func(*client) (metrics, error) {
	return map[string]func(*client) (metrics, error){
		"bulk": runBulk, "rr": runMessages, "mixed": runMixed, "churn": runChurn,
		"idle": runIdle, "rest": runRest, "dist": runDist, "apply": runApply,
	}
}

func loadMain() error {
	debug.SetGCPercent(800)
	var spec loadSpec
	if err := json.NewDecoder(os.Stdin).Decode(&spec); err != nil {
		return err
	}
	run, ok := loads()[spec.Kind]
	if !ok {
		return fmt.Errorf("no such kind of load: %q", spec.Kind)
	}
	m, err := run(&client{loadSpec: spec})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

func sleep(seconds float64) { time.Sleep(time.Duration(seconds * float64(time.Second))) }

// parallel runs f(0..n-1) on some goroutines and returns the first error.
func parallel(workers, n int, f func(int) error) error {
	var (
		next  atomic.Int64
		first error
		once  sync.Once
		wg    sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					once.Do(func() { first = err })
					return
				}
			}
		})
	}
	wg.Wait()
	return first
}

// Phases of a load.
const (
	warming = iota
	measuring
	over
)

// measured runs the phases of a load, and returns the window of the second one.
// done tells then how much work was done in it; unit is its name.
func (c *client) measured(phase *atomic.Int32, done func() float64, unit string) (metrics, float64) {
	sleep(c.Warmup)
	w := c.start()
	before := done()
	phase.Store(measuring)
	sleep(c.Seconds)
	m, amount := w.stop(func() float64 { return done() - before }, unit)
	phase.Store(over)
	return m, amount
}
