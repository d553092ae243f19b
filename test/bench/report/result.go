// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report is what a benchmark found: the numbers of each round, the goals
// that they are held against, and the page that shows both. Results of several runs
// go in, merged by scenario, and Markdown comes out. It runs nothing, and it never
// compares candidates that were not measured in one run.
package report

import (
	"slices"
	"strconv"
)

// Result is what is kept of runs.
type Result struct {
	Runs      []Run       `json:"runs"`
	Scenarios []*Scenario `json:"scenarios"`
}

// Run is the circumstances of measurements.
type Run struct {
	Started   string            `json:"started"` // RFC 3339; names the run
	Commit    string            `json:"commit"`  // of Wye, as `git describe` puts it
	Reference string            `json:"reference"`
	Rounds    int               `json:"rounds"`
	Seconds   float64           `json:"seconds"` // of a round
	Machine   map[string]string `json:"machine"`
	Versions  map[string]string `json:"versions"` // candidate -> version
}

// Scenario is what one run found with one kind of load.
type Scenario struct {
	Name       string       `json:"name"`
	About      string       `json:"about"`
	Show       []string     `json:"show"` // metrics for the table; the first is the headline
	Run        string       `json:"run"`  // when the run started
	Candidates []*Candidate `json:"candidates"`
}

// Candidate is what was measured of one candidate.
type Candidate struct {
	Name   string               `json:"name"`
	Rounds map[string][]float64 `json:"rounds"` // metric -> its value in each round
	Errors []string             `json:"errors,omitempty"`
}

// Add takes in the metrics of a round, with four digits: more would be noise.
func (c *Candidate) Add(metrics map[string]float64) {
	if c.Rounds == nil {
		c.Rounds = map[string][]float64{}
	}
	for name, value := range metrics {
		short, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 4, 64), 64)
		if err != nil {
			short = value
		}
		c.Rounds[name] = append(c.Rounds[name], short)
	}
}

// Median of a metric; ok is false if no round has it.
func (c *Candidate) Median(metric string) (value float64, ok bool) {
	if c == nil || len(c.Rounds[metric]) == 0 {
		return 0, false
	}
	return median(c.Rounds[metric]), true
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Find is the candidate of a name, nil if it was not measured.
func (s *Scenario) Find(name string) *Candidate {
	if s == nil {
		return nil
	}
	for _, c := range s.Candidates {
		if c.Name == name && len(c.Rounds) > 0 {
			return c
		}
	}
	return nil
}

// Scenario is the one of a name, nil if it was not measured.
func (r *Result) Scenario(name string) *Scenario {
	for _, s := range r.Scenarios {
		if s.Name == name {
			return s
		}
	}
	return nil
}
