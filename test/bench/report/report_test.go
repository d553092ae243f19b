// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file anew")

// candidate was measured once for each value of a metric.
func candidate(name, metric string, values ...float64) *Candidate {
	c := &Candidate{Name: name}
	for _, value := range values {
		c.Add(map[string]float64{metric: value})
	}
	return c
}

func TestMedianOfEvenRoundsIsBetweenTheMiddleTwo(t *testing.T) {
	for want, values := range map[float64][]float64{3: {9, 1, 3}, 2.5: {1, 2, 3, 9}, 7: {7}} {
		if got, ok := candidate("a", "m", values...).Median("m"); !ok || got != want {
			t.Errorf("median of %v: %v, want %v", values, got, want)
		}
	}
	if _, ok := candidate("a", "m", 1).Median("other"); ok {
		t.Error("what was not measured has a median")
	}
}

func TestGoalsAreHeldAgainstTheBest(t *testing.T) {
	throughput := &Result{Scenarios: []*Scenario{
		{Name: "one", Candidates: []*Candidate{candidate("wye", "ops_per_s", 105), candidate("a", "ops_per_s", 100), candidate("b", "ops_per_s", 90)}},
		{Name: "two", Candidates: []*Candidate{candidate("wye", "ops_per_s", 96), candidate("a", "ops_per_s", 80), candidate("b", "ops_per_s", 100)}},
		{Name: "three", Candidates: []*Candidate{candidate("wye", "ops_per_s", 130), candidate("a", "ops_per_s", 100), candidate("b", "ops_per_s", 90)}},
	}}
	latency := &Result{Scenarios: []*Scenario{
		{Name: "one", Candidates: []*Candidate{candidate("wye", "p99_us", 105), candidate("a", "p99_us", 200), candidate("b", "p99_us", 100)}},
	}}
	both := []string{"a", "b"}
	for _, c := range []struct {
		reason     string
		result     *Result
		goal       Goal
		met, known bool
	}{
		{"more is better", throughput, Goal{"", []string{"one"}, "wye", "ops_per_s", both, 1.05, 0}, true, true},
		{"each scenario counts", throughput, Goal{"", []string{"one", "two"}, "wye", "ops_per_s", both, 1.0, 0}, false, true},
		{"the median counts, and the floor of each", throughput, Goal{"", []string{"one", "two", "three"}, "wye", "ops_per_s", both, 1.03, 0.95}, true, true},
		{"one is below the floor", throughput, Goal{"", []string{"one", "two", "three"}, "wye", "ops_per_s", both, 1.03, 0.97}, false, true},
		{"less is better", latency, Goal{"", []string{"one"}, "wye", "p99_us", both, 1.05, 0}, true, true},
		{"less is better, and it is more", latency, Goal{"", []string{"one"}, "wye", "p99_us", both, 1.0, 0}, false, true},
		{"against nobody", latency, Goal{"", []string{"one"}, "wye", "p99_us", nil, 110, 0}, true, true},
		{"a peer was not measured", latency, Goal{"", []string{"one"}, "wye", "p99_us", []string{"a", "c"}, 2, 0}, false, false},
		{"a scenario was not run", latency, Goal{"", []string{"one", "two"}, "wye", "p99_us", both, 2, 0}, false, false},
	} {
		v := c.goal.Judge(c.result)
		if v.Known != c.known || v.Known && v.Met != c.met {
			t.Errorf("%s: met %v, known %v; %+v", c.reason, v.Met, v.Known, v.Values)
		}
	}
}

func TestARunReplacesOnlyWhatItMeasured(t *testing.T) {
	first, second := Run{Started: "2026-01-01"}, Run{Started: "2026-02-02"}
	order := []string{"rr", "churn", "idle"}
	r := &Result{}
	for _, name := range []string{"churn", "rr"} {
		s := &Scenario{Name: name, Candidates: []*Candidate{candidate("wye", "m", 1), candidate("nginx", "m", 2)}}
		if kept := r.Merge(first, s, order); kept != "" {
			t.Error(kept)
		}
	}
	if kept := r.Merge(second, &Scenario{Name: "rr", Candidates: []*Candidate{candidate("wye", "m", 3)}}, order); kept == "" {
		t.Error("a scenario without nginx replaces one with it, and nothing is said")
	}
	if kept := r.Merge(second, &Scenario{Name: "churn", Candidates: []*Candidate{candidate("wye", "m", 3), candidate("nginx", "m", 4)}}, order); kept != "" {
		t.Error(kept)
	}
	got := map[string]string{}
	for _, s := range r.Scenarios {
		got[s.Name] = s.Run
	}
	if diff := cmp.Diff(map[string]string{"rr": first.Started, "churn": second.Started}, got); diff != "" {
		t.Errorf("runs of scenarios (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"rr is not of this run: it stays as of 2026-01-01"}, r.Older(second)); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestWhatIsWrittenCanBeReadAndShown(t *testing.T) {
	run := Run{
		Started: "2026-01-02T03:04:05Z", Commit: "v1", Reference: "haproxy", Rounds: 2, Seconds: 1.5,
		Machine: map[string]string{"cores": "2", "congestion_control": "bbr"}, Versions: map[string]string{"wye": "wye-proxy v1", "direct": ""},
	}
	show := []string{"ops_per_s", "p99_us"}
	measured := func(name string, ops, p99 float64) *Candidate {
		c := &Candidate{Name: name}
		c.Add(map[string]float64{"ops_per_s": ops, "p99_us": p99, "foreign_cpu_cores": 0.01})
		c.Add(map[string]float64{"ops_per_s": ops, "p99_us": p99, "foreign_cpu_cores": 0.03})
		return c
	}
	r := &Result{}
	broken := &Candidate{Name: "nginx", Errors: []string{"round 1: it ended", "round 2: it ended"}}
	found := &Scenario{Name: "rr-1k-1", About: "messages", Show: show, Candidates: []*Candidate{
		measured("direct", 20000, 100), measured("wye", 11000, 150), measured("haproxy", 10000, 120), broken,
	}}
	if kept := r.Merge(run, found, []string{"rr-1k-1"}); kept != "" {
		t.Error(kept)
	}
	goals := []Goal{
		{"throughput", []string{"rr-1k-1"}, "wye", "ops_per_s", []string{"haproxy"}, 1.03, 0},
		{"p99", []string{"rr-1k-1"}, "wye", "p99_us", []string{"haproxy"}, 1.05, 0},
		{"p99 against all", []string{"rr-1k-1"}, "wye", "p99_us", []string{"haproxy", "nginx"}, 1.05, 0},
		{"p99 itself", []string{"rr-1k-1"}, "wye", "p99_us", nil, 200, 0},
	}
	dir := t.TempDir()
	if err := r.Write(dir, goals); err != nil {
		t.Fatal(err)
	}
	again, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Errorf("read again (-written +read):\n%s", diff)
	}
	got, err := os.ReadFile(filepath.Join(dir, shown))
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "page.md")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("page (-want +got; -update writes %s):\n%s", golden, diff)
	}
}

func TestNothingWrittenIsNoError(t *testing.T) {
	r, err := Read(t.TempDir())
	if err != nil || len(r.Scenarios) > 0 {
		t.Errorf("%v, %v", r, err)
	}
}
