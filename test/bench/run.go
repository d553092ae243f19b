//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/wye-dev/wye/test/bench/report"
)

// trial is one scenario on all candidates.
type trial struct {
	lab      *lab
	scenario scenario
	rounds   int
	foreign  float64 // CPU of others, in cores, from which on a measurement is done again
	started  map[string]*running
}

// run measures all peers in turn, rounds times: A B C, A B C, ...
func (t *trial) run(ctx context.Context, peers []*peer) *report.Scenario {
	found := &report.Scenario{Name: t.scenario.Name, About: t.scenario.About, Show: t.scenario.Show}
	t.started = map[string]*running{}
	defer func() {
		for _, r := range t.started {
			r.stop()
		}
	}()
	var able []*peer
	for _, p := range peers {
		if p.can(t.scenario.Listener) && !p.skips(t.scenario.Name) {
			able = append(able, p)
			found.Candidates = append(found.Candidates, &report.Candidate{Name: p.Name})
		}
	}
	for round := range t.rounds {
		for i, p := range able {
			m, err := t.untilQuiet(ctx, p)
			if ctx.Err() != nil {
				return found
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s: %s: round %d: %v\n", t.scenario.Name, p.Name, round+1, err)
				found.Candidates[i].Errors = append(found.Candidates[i].Errors, fmt.Sprintf("round %d: %v", round+1, err))
				continue
			}
			found.Candidates[i].Add(m)
		}
	}
	return found
}

// untilQuiet measures a peer, and again while others took too much of the machine.
func (t *trial) untilQuiet(ctx context.Context, p *peer) (metrics, error) {
	const tries = 4
	for try := 1; ; try++ {
		m, err := t.once(ctx, p)
		if err != nil || m["foreign_cpu_cores"] <= t.foreign || try == tries || ctx.Err() != nil {
			return m, err
		}
		fmt.Fprintf(os.Stderr, "%s: %s: again, others took %.2f cores\n", t.scenario.Name, p.Name, m["foreign_cpu_cores"])
		sleep(2)
	}
}

func (t *trial) once(ctx context.Context, p *peer) (metrics, error) {
	r := t.started[p.Name]
	if r == nil || t.scenario.Fresh {
		r.stop()
		delete(t.started, p.Name)
		var err error
		if r, err = t.lab.start(p); err != nil {
			return nil, err
		}
		t.started[p.Name] = r
		time.Sleep(500 * time.Millisecond) // what it still does at its start
	}
	m, err := t.lab.measure(ctx, t.spec(p, r))
	if t.scenario.Fresh {
		r.stop()
		delete(t.started, p.Name)
	}
	if err == nil && t.scenario.Listener == "weighted" {
		m["max_error"] = t.lab.maxError(m)
	}
	return m, err
}

// spec is what the load client is told about a peer.
func (t *trial) spec(p *peer, r *running) loadSpec {
	spec := t.scenario.Spec
	spec.Target = address(r.vars.listeners()[t.scenario.Listener])
	spec.ProxyPID = r.pid()
	if spec.Kind == "idle" {
		spec.Conns = min(spec.Conns, (t.lab.files-500)/max(p.FDsPerConn, 2))
	}
	for _, b := range t.lab.running {
		spec.BackPIDs = append(spec.BackPIDs, b.pid())
	}
	if r.beside != nil {
		spec.Control = address(r.vars.Control)
		spec.BackPIDs = append(spec.BackPIDs, r.beside.pid())
	}
	return spec
}

// maxError is the largest distance of a backend's share from its weight's.
func (l *lab) maxError(m metrics) (most float64) {
	total := 0
	for _, e := range l.weighted {
		total += e.Weight
	}
	for _, e := range l.weighted {
		d := m[fmt.Sprintf("share_%d", e.ID)] - float64(e.Weight)/float64(total)
		most = max(most, d, -d)
	}
	return most
}

// measure runs one load client.
func (l *lab) measure(ctx context.Context, spec loadSpec) (metrics, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(60+spec.Seconds+spec.Warmup+spec.Settle)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "load")
	cmd.Stdin = strings.NewReader(string(in))
	var errOut strings.Builder
	cmd.Stderr = &errOut
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(errOut.String()))
	}
	var m metrics
	return m, json.Unmarshal(b, &m)
}
