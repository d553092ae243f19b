//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/wye-dev/wye/test/bench/report"
)

// record writes down what a run finds, beside what is known of earlier ones.
type record struct {
	dir   string // empty: nothing is written
	run   report.Run
	order []string // names of all scenarios
	known *report.Result
	notes []string
}

func newRecord(dir string, run report.Run, all []scenario) (*record, error) {
	r := &record{dir: dir, run: run}
	for _, sc := range all {
		r.order = append(r.order, sc.Name)
	}
	if dir == "" {
		return r, nil
	}
	known, err := report.Read(dir)
	r.known = known
	return r, err
}

// add writes the files anew, so that little is lost if the run is ended early.
func (r *record) add(found *report.Scenario) error {
	if r.dir == "" {
		return nil
	}
	if kept := r.known.Merge(r.run, found, r.order); kept != "" {
		r.notes = append(r.notes, kept)
	}
	return r.known.Write(r.dir, report.Goals())
}

// end tells what of the files is not of this run.
func (r *record) end(w io.Writer) {
	if r.dir == "" {
		return
	}
	for _, note := range append(r.notes, r.known.Older(r.run)...) {
		fmt.Fprintln(w, note)
	}
}
