// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "fmt"

// Verdict is whether a goal was reached.
type Verdict struct {
	Goal
	Values []Value
	Middle float64 // median of Values, if they are held against it
	Met    bool    // of no meaning unless Known
	Known  bool    // everything was measured that the goal speaks of
}

// Value is how a goal's candidate did in one scenario.
type Value struct {
	Scenario string
	Number   float64 // ratio, or the metric itself
	Best     string  // candidate whose median is 1; empty if there is none
	Missing  string  // what was not measured; then nothing else is said
	Met      bool    // the bound of each scenario
}

// Judge holds a result against a goal.
func (g Goal) Judge(r *Result) Verdict {
	v := Verdict{Goal: g, Met: true, Known: true}
	var numbers []float64
	for _, name := range g.Scenarios {
		value := g.value(r.Scenario(name), name)
		v.Values = append(v.Values, value)
		v.Known = v.Known && value.Missing == ""
		v.Met = v.Met && value.Met
		numbers = append(numbers, value.Number)
	}
	if g.Floor != 0 && v.Known {
		v.Middle = median(numbers)
		v.Met = v.Met && g.within(v.Middle, g.Bound)
	}
	return v
}

func (g Goal) within(number, bound float64) bool {
	if more(g.Metric) {
		return number >= bound
	}
	return number <= bound
}

// value is how the candidate did in a scenario, which is nil if it was not run.
func (g Goal) value(s *Scenario, name string) Value {
	v := Value{Scenario: name}
	number, ok := s.Find(g.Candidate).Median(g.Metric)
	if !ok {
		v.Missing = g.Candidate
		return v
	}
	var best float64
	for _, other := range g.Against {
		median, ok := s.Find(other).Median(g.Metric)
		switch {
		case !ok:
			return Value{Scenario: name, Missing: other}
		case v.Best == "", more(g.Metric) && median > best, !more(g.Metric) && median < best:
			v.Best, best = other, median
		}
	}
	if v.Best != "" {
		if best == 0 {
			return Value{Scenario: name, Missing: fmt.Sprintf("a number of %s that is not 0", v.Best)}
		}
		number /= best
	}
	bound := g.Bound
	if g.Floor != 0 {
		bound = g.Floor
	}
	v.Number, v.Met = number, g.within(number, bound)
	return v
}
