// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import "math"

// Change is what a name's traffic does between two accounts.
type Change struct {
	Name  string  `json:"name"`
	Moves float64 `json:"moves"` // part of the traffic that goes elsewhere, 0 to 1
	Rows  []Row   `json:"destinations"`
}

// Row is one destination, before and after.
type Row struct {
	Name   string  `json:"name"` // the concrete name, or why the traffic goes nowhere
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// noise is how much two shares may differ by rounding alone.
const noise = 1e-9

// Compare holds two accounts of one name against each other. Destinations are in
// the order of the first, those that are new at the end.
func Compare(before, after Account) Change {
	change := Change{Name: before.Name}
	at := map[string]int{}
	row := func(d Destination) *Row {
		name := d.Name
		if name == "" {
			name = d.State
		}
		i, ok := at[name]
		if !ok {
			i = len(change.Rows)
			at[name] = i
			change.Rows = append(change.Rows, Row{Name: name})
		}
		return &change.Rows[i]
	}
	for _, d := range before.Destinations {
		row(d).Before += d.Share
	}
	for _, d := range after.Destinations {
		row(d).After += d.Share
	}
	for _, r := range change.Rows {
		change.Moves += math.Abs(r.After-r.Before) / 2
	}
	if change.Moves < noise {
		change.Moves = 0
	}
	return change
}
