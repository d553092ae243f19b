//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wye-dev/wye/test/bench/report"
)

// settings are the values of the flags.
type settings struct {
	peers     string
	scenarios []string // beginnings of names
	only      []string // names of peers; none: all that are not off
	docs      string   // folder for benchmarks.md and benchmarks.json; empty: none are written
	commit    string
	rounds    int
	seconds   float64
	warmup    float64
	settle    float64
	idle      int
	foreign   float64
	list      bool
	netns     bool
	keep      bool
}

func readSettings(args []string) (*settings, error) {
	var (
		s               settings
		scenarios, only string
		quick           bool
	)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&s.peers, "peers", "peers.json", "file that describes the candidates")
	f.StringVar(&scenarios, "scenario", "", "scenarios to run: beginnings of their names, with commas between (default all); -list shows them")
	f.StringVar(&only, "only", "", "names of the candidates to run, with commas between (default all that are not off)")
	f.StringVar(&s.docs, "docs", "", "folder for benchmarks.json, with every round in it, and benchmarks.md; what is there is kept where nothing new was measured")
	f.StringVar(&s.commit, "commit", "", "of Wye, for the page")
	f.IntVar(&s.rounds, "rounds", 5, "measurements of each candidate in each scenario")
	f.Float64Var(&s.seconds, "seconds", 3, "measured time of one measurement")
	f.Float64Var(&s.warmup, "warmup", 0.7, "time before it")
	f.Float64Var(&s.settle, "settle", 6, "idle scenarios: time that connections rest before memory is read")
	f.IntVar(&s.idle, "idle", 8000, "connections of the idle scenarios (fewer when the limit on open files asks for it)")
	f.BoolVar(&quick, "quick", false, "short: -rounds 1 -seconds 1 -warmup 0.3 -settle 2 -idle 1000, each measured once")
	f.Float64Var(&s.foreign, "foreign", 0.35, "CPU of others, in cores, from which on a measurement is done again (3 times at most)")
	f.BoolVar(&s.list, "list", false, "list the scenarios and end")
	f.BoolVar(&s.netns, "netns", true, "run in a network namespace of its own, where the machine allows it")
	f.BoolVar(&s.keep, "keep", false, "keep the scratch folder (configurations, logs)")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("not a flag: %s", f.Arg(0))
	}
	s.scenarios, s.only = names(scenarios), names(only)
	if quick {
		s.rounds, s.seconds, s.warmup, s.settle, s.idle, s.foreign = 1, 1, 0.3, 2, 1000, 1000
	}
	return &s, nil
}

func names(list string) (all []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			all = append(all, name)
		}
	}
	return all
}

// wants tells whether a scenario is asked for.
func (s *settings) wants(scenario string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(scenario, prefix) }
	return len(s.scenarios) == 0 || slices.ContainsFunc(s.scenarios, begins)
}

// describe is the run that begins now.
func (s *settings) describe(pf *peersFile, peers []*peer) report.Run {
	run := report.Run{
		Started: time.Now().UTC().Format(time.RFC3339), Commit: s.commit, Reference: pf.Reference,
		Rounds: s.rounds, Seconds: s.seconds, Machine: machine(), Versions: map[string]string{},
	}
	for _, p := range peers {
		run.Versions[p.Name] = pf.version(p)
	}
	return run
}
