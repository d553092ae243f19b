// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Page is a result as Markdown.
func Page(r *Result, goals []Goal) string {
	p := &page{}
	p.line("# Benchmarks")
	p.line("")
	p.line("`make bench` wrote this page and, beside it, every number of every round in `benchmarks.json`. What is measured and how")
	p.line("to read it is said in [test/bench](../test/bench/README.md). Numbers are medians over the rounds. Candidates are compared within one")
	p.line("run only, in which they took turns; a difference below 5 %% is none.")
	p.runs(r)
	p.goals(r, goals)
	p.line("")
	p.line("## Medians")
	for _, s := range r.Scenarios {
		p.scenario(r, s)
	}
	p.line("")
	p.line("## Run it again")
	p.line("")
	p.line("```")
	p.line("make bench                                         # everything")
	p.line("make bench ROUNDS=3 SECONDS=1.5 SCENARIO=rr,churn  # some of it; the rest of this page stays, with its date")
	p.line("make bench QUICK=1                                 # does everything work? leaves this page alone")
	p.line("```")
	return p.String()
}

type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) row(cells ...string) { p.line("| %s |", strings.Join(cells, " | ")) }

func (p *page) head(cells ...string) {
	p.line("")
	p.row(cells...)
	p.row(slices.Repeat([]string{"---"}, len(cells))...)
}

func (p *page) runs(r *Result) {
	p.line("")
	p.line("## The runs")
	for _, run := range r.Runs {
		p.line("")
		p.line("%s, %d rounds of %v s: %s.", run.Started, run.Rounds, run.Seconds, strings.Join(scenariosOf(r, run), ", "))
		p.head("", "")
		p.row("Wye", run.Commit)
		for _, key := range slices.Sorted(maps.Keys(run.Machine)) {
			p.row(strings.ReplaceAll(key, "_", " "), run.Machine[key])
		}
		for _, name := range slices.Sorted(maps.Keys(run.Versions)) {
			if run.Versions[name] != "" {
				p.row("`"+name+"`", run.Versions[name])
			}
		}
	}
}

func scenariosOf(r *Result, run Run) (names []string) {
	for _, s := range r.Scenarios {
		if s.Run == run.Started {
			names = append(names, s.Name)
		}
	}
	return names
}

func (p *page) goals(r *Result, goals []Goal) {
	p.line("")
	p.line("## Goals")
	p.line("")
	p.line("Where a goal is against others, the numbers are ratios to the best of them in that scenario, which is named.")
	p.head("goal", "of", "against the best of", "wanted", "measured", "")
	for _, g := range goals {
		v := g.Judge(r)
		p.row(g.Title, "`"+g.Candidate+"`", against(g), wanted(g), v.measured(), v.word())
	}
}

func against(g Goal) string {
	if len(g.Against) == 0 {
		return "-"
	}
	return "`" + strings.Join(g.Against, "`, `") + "`"
}

func wanted(g Goal) string {
	sign, unit := "≤", ""
	if more(g.Metric) {
		sign = "≥"
	}
	if len(g.Against) > 0 {
		unit = "×"
	}
	text := fmt.Sprintf("%s %s%s", sign, strconv.FormatFloat(g.Bound, 'g', -1, 64), unit)
	if g.Floor != 0 {
		text = fmt.Sprintf("median %s, each %s %s%s", text, sign, strconv.FormatFloat(g.Floor, 'g', -1, 64), unit)
	}
	return text
}

func (v Verdict) measured() string {
	var texts []string
	for _, value := range v.Values {
		switch {
		case value.Missing != "":
			texts = append(texts, fmt.Sprintf("%s: without %s", value.Scenario, value.Missing))
		case value.Best != "":
			texts = append(texts, fmt.Sprintf("%s: %s%s of %s", value.Scenario, fail(value), ratio(value.Number), value.Best))
		default:
			texts = append(texts, fmt.Sprintf("%s: %s%s", value.Scenario, fail(value), number(value.Number)))
		}
	}
	if v.Floor != 0 && v.Known {
		texts = append([]string{"median: " + ratio(v.Middle)}, texts...)
	}
	return strings.Join(texts, "<br>")
}

// fail marks a value that does not do.
func fail(value Value) string {
	if value.Met {
		return ""
	}
	return "✗ "
}

func (v Verdict) word() string {
	switch {
	case !v.Known:
		return "not measured"
	case v.Met:
		return "met"
	}
	return "**missed**"
}

func (p *page) scenario(r *Result, s *Scenario) {
	reference := ""
	for _, run := range r.Runs {
		if run.Started == s.Run {
			reference = run.Reference
		}
	}
	p.line("")
	p.line("### %s", s.Name)
	p.line("")
	p.line("%s (%s)", s.About, s.Run)
	t := Table(s, reference)
	p.head(t[0]...)
	for _, row := range t[1:] {
		p.row(row...)
	}
}

// Table is the medians of a scenario; behind the headline its ratios to the direct
// connection and to the reference, where there are those. The first row is the head.
func Table(s *Scenario, reference string) [][]string {
	bases := slices.DeleteFunc([]string{"direct", reference}, func(name string) bool { return s.Find(name) == nil })
	head := []string{""}
	for i, metric := range s.Show {
		head = append(head, metric)
		if i == 0 {
			for _, base := range bases {
				head = append(head, "/"+base)
			}
		}
	}
	table := [][]string{append(head, "others' CPU, cores", "failed rounds")}
	for _, c := range s.Candidates {
		row := []string{c.Name}
		for i, metric := range s.Show {
			row = append(row, c.text(metric))
			if i == 0 {
				for _, base := range bases {
					row = append(row, ratioOf(c, s.Find(base), metric))
				}
			}
		}
		table = append(table, append(row, c.text("foreign_cpu_cores"), strconv.Itoa(len(c.Errors))))
	}
	return table
}

func (c *Candidate) text(metric string) string {
	value, ok := c.Median(metric)
	if !ok {
		return "-"
	}
	return number(value)
}

func ratioOf(c, base *Candidate, metric string) string {
	a, ok := c.Median(metric)
	b, okBase := base.Median(metric)
	if !ok || !okBase || b == 0 {
		return "-"
	}
	return ratio(a / b)
}

func ratio(value float64) string { return fmt.Sprintf("%.2f×", value) }

// number shows three digits or all before the point.
func number(value float64) string {
	switch {
	case value >= 100 || value <= -100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10 || value <= -10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 3, 64), ".000")
	}
}
