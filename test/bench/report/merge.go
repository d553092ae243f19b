// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Merge puts what a run found in the place of what was known of that scenario, and
// keeps to the order of names given. If the run lacks a candidate that was known,
// all stays as it was, and kept says so.
func (r *Result) Merge(run Run, found *Scenario, order []string) (kept string) {
	old := r.Scenario(found.Name)
	if lost := lacks(found, old); len(lost) > 0 {
		return fmt.Sprintf("%s is kept as of %s: this run has no numbers for %s", found.Name, old.Run, strings.Join(lost, ", "))
	}
	found.Run = run.Started
	if !slices.ContainsFunc(r.Runs, func(known Run) bool { return known.Started == run.Started }) {
		r.Runs = append(r.Runs, run)
	}
	r.Scenarios = slices.DeleteFunc(r.Scenarios, func(known *Scenario) bool { return known == old })
	r.Scenarios = append(r.Scenarios, found)
	slices.SortStableFunc(r.Scenarios, func(a, b *Scenario) int {
		return slices.Index(order, a.Name) - slices.Index(order, b.Name)
	})
	r.forget()
	return ""
}

// Older lists what is not of the run.
func (r *Result) Older(run Run) (texts []string) {
	for _, s := range r.Scenarios {
		if s.Run != run.Started {
			texts = append(texts, fmt.Sprintf("%s is not of this run: it stays as of %s", s.Name, s.Run))
		}
	}
	return texts
}

// lacks lists the candidates that old has numbers of, and s has not.
func lacks(s, old *Scenario) (lost []string) {
	if old == nil {
		return nil
	}
	for _, c := range old.Candidates {
		if len(c.Rounds) > 0 && s.Find(c.Name) == nil {
			lost = append(lost, c.Name)
		}
	}
	return lost
}

// forget drops runs of which nothing is left.
func (r *Result) forget() {
	r.Runs = slices.DeleteFunc(r.Runs, func(run Run) bool {
		return !slices.ContainsFunc(r.Scenarios, func(s *Scenario) bool { return s.Run == run.Started })
	})
}

// Read reads what Write has written to a folder. Nothing there is no error.
func Read(dir string) (*Result, error) {
	r := &Result{}
	text, err := os.ReadFile(filepath.Join(dir, numbers))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", numbers, err)
	}
	return r, nil
}

// Files in the folder.
const (
	numbers = "benchmarks.json"
	shown   = "benchmarks.md"
)

// Write writes the numbers and the page. Each candidate's are one line, so that the
// file stays small and a diff shows what is new.
func (r *Result) Write(dir string, goals []Goal) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for _, before := range []string{`{"name":`, `{"started":`, `"scenarios":`} {
		text = bytes.ReplaceAll(text, []byte(before), []byte("\n"+before))
	}
	if err := os.WriteFile(filepath.Join(dir, numbers), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, shown), []byte(Page(r, goals)), 0o644)
}
