// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metricsJSON shows metrics as one object, name to number. Names are those of
// Prometheus, with their labels. What JSON has no number for is left out.
func metricsJSON(gatherer prometheus.Gatherer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		families, err := gatherer.Gather()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		values := numbers{}
		for _, family := range families {
			for _, m := range family.GetMetric() {
				values.add(family.GetName(), labels(m), m)
			}
		}
		writeJSON(w, values)
	})
}

type numbers map[string]float64 // name{labels} -> value

func (n numbers) set(name, labels string, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		n[name+labels] = value
	}
}

func (n numbers) add(name, labels string, m *dto.Metric) {
	switch {
	case m.Counter != nil:
		n.set(name, labels, m.Counter.GetValue())
	case m.Gauge != nil:
		n.set(name, labels, m.Gauge.GetValue())
	case m.Untyped != nil:
		n.set(name, labels, m.Untyped.GetValue())
	case m.Histogram != nil:
		n.set(name+"_count", labels, float64(m.Histogram.GetSampleCount()))
		n.set(name+"_sum", labels, m.Histogram.GetSampleSum())
	case m.Summary != nil:
		n.set(name+"_count", labels, float64(m.Summary.GetSampleCount()))
		n.set(name+"_sum", labels, m.Summary.GetSampleSum())
		for _, q := range m.Summary.GetQuantile() {
			n.set(name+fmt.Sprintf(".p%g", 100*q.GetQuantile()), labels, q.GetValue())
		}
	}
}

func labels(m *dto.Metric) string {
	if len(m.GetLabel()) == 0 {
		return ""
	}
	pairs := make([]string, len(m.GetLabel()))
	for i, l := range m.GetLabel() {
		pairs[i] = fmt.Sprintf("%s=%q", l.GetName(), l.GetValue())
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
