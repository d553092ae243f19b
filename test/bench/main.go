//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench compares layer-4 proxies on one machine: it starts each candidate
// between a load client and backends of its own on the loopback interface, runs the
// same scenarios on all of them in turn, and prints medians and their ratios to the
// direct connection and to a reference peer. It sends nothing beyond loopback, and
// ends only what it has started. README.md says more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/wye-dev/wye/test/bench/report"
)

func main() {
	var err error
	switch {
	case len(os.Args) > 1 && os.Args[1] == "serve":
		err = serveMain(os.Args[2:])
	case len(os.Args) > 1 && os.Args[1] == "load":
		err = loadMain()
	default:
		err = benchMain()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func benchMain() error {
	s, err := readSettings(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.list {
		for _, sc := range scenarios(s.idle) {
			fmt.Printf("%-22s %s\n", sc.Name, sc.About)
		}
		return nil
	}
	if s.netns {
		done, err := enterNamespace()
		if done {
			return err
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "no network namespace of its own:", err)
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	return s.bench(ctx)
}

// bench runs everything that the settings ask for.
func (s *settings) bench(ctx context.Context) error {
	// 1. Who is compared?
	pf, err := readPeers(s.peers)
	if err != nil {
		return err
	}
	peers, err := s.choose(pf)
	if err != nil {
		return err
	}
	// 2. A lab for them.
	files, err := raiseFiles()
	if err != nil {
		return err
	}
	dir, remove, err := s.scratch()
	if err != nil {
		return err
	}
	defer remove()
	l, err := newLab(dir, pf, []int{5, 3, 2}, min(s.idle+1000, (files-400)/2), files)
	defer l.close()
	if err != nil {
		return err
	}
	// 3. Scenario by scenario, what is known is written down.
	out, err := newRecord(s.docs, s.describe(pf, peers), scenarios(s.idle))
	if err != nil {
		return err
	}
	for _, sc := range scenarios(s.idle) {
		if !s.wants(sc.Name) {
			continue
		}
		sc.Spec.Seconds, sc.Spec.Warmup, sc.Spec.Settle = s.seconds, s.warmup, s.settle
		t := &trial{lab: l, scenario: sc, rounds: s.rounds, foreign: s.foreign}
		found := t.run(ctx, peers)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		show(os.Stdout, found, pf.Reference)
		if err := out.add(found); err != nil {
			return err
		}
	}
	out.end(os.Stdout)
	return nil
}

// choose picks the peers. One whose program is missing is an error, unless the
// peers were named.
func (s *settings) choose(pf *peersFile) ([]*peer, error) {
	chosen, missing := pf.choose(s.only, func(p *peer, why string) {
		fmt.Fprintf(os.Stderr, "left out: %s: %s\n", p.Name, why)
	})
	if len(missing) == 0 {
		return chosen, nil
	}
	var texts []string
	for _, p := range missing {
		texts = append(texts, fmt.Sprintf("%s (install %s)", p.Name, p.Package))
	}
	return nil, fmt.Errorf("not installed: %s; PEERS=A,B or -only A,B compares some alone", strings.Join(texts, ", "))
}

// raiseFiles raises the limit on open files, which children get too as it is set
// here by hand.
func raiseFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return int(min(limit.Max, 1<<20)), nil
}

// scratch makes the scratch folder.
func (s *settings) scratch() (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	if s.keep {
		fmt.Fprintln(os.Stderr, "scratch folder:", dir)
		remove = func() {}
	}
	return dir, remove, os.Chmod(dir, 0o755) // for peers that drop privileges
}

// show prints a scenario's table.
func show(w io.Writer, found *report.Scenario, reference string) {
	fmt.Fprintf(w, "\n%s: %s\n", found.Name, found.About)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, row := range report.Table(found, reference) {
		fmt.Fprintf(t, "  %s\t\n", strings.Join(row, "\t"))
	}
	t.Flush()
}
