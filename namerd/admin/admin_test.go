// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-dev/wye/namerd/admin"
)

func handler(t *testing.T, shutdown func()) http.Handler {
	t.Helper()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "wye_requests_total", Help: "Requests."}, []string{"code"})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wye_seconds", Help: "Seconds.", Buckets: []float64{1}})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "wye_bytes", Help: "Bytes.", Objectives: map[float64]float64{0.5: 0.1}})
	empty := prometheus.NewSummary(prometheus.SummaryOpts{Name: "wye_none", Help: "Nothing.", Objectives: map[float64]float64{0.5: 0.1}})
	registry.MustRegister(counter, histogram, summary, empty)
	counter.WithLabelValues("200").Add(3)
	histogram.Observe(2)
	summary.Observe(7)
	return admin.New(admin.Options{
		Config: json.RawMessage(`{"admin":{}}`), Metrics: registry, Shutdown: shutdown,
		Delegator: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Method+" "+r.URL.RawQuery)
		}),
	})
}

func TestEndpoints(t *testing.T) {
	const metrics = `{
  "wye_bytes.p50": 7,
  "wye_bytes_count": 1,
  "wye_bytes_sum": 7,
  "wye_none_count": 0,
  "wye_none_sum": 0,
  "wye_requests_total{code=\"200\"}": 3,
  "wye_seconds_count": 1,
  "wye_seconds_sum": 2
}
`
	for _, c := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/admin/ping", 200, "pong"},
		{"GET", "/admin/metrics", 200, metrics},
		{"GET", "/admin/metrics.json", 200, metrics},
		{"GET", "/config.json", 200, "{\n  \"admin\": {}\n}\n"},
		{"GET", "/dtab/delegator.json?path=/a", 200, "GET path=/a"},
		{"POST", "/dtab/delegator.json", 200, "POST "},
		{"GET", "/admin/shutdown", 405, "Method Not Allowed\n"},
		{"GET", "/", 404, "404 page not found\n"},
	} {
		answer := httptest.NewRecorder()
		handler(t, nil).ServeHTTP(answer, httptest.NewRequest(c.method, c.path, nil))
		if diff := cmp.Diff(c.body, answer.Body.String()); answer.Code != c.code || diff != "" {
			t.Errorf("%s %s: %d (-want +got):\n%s", c.method, c.path, answer.Code, diff)
		}
	}
}

func TestPrometheusFormat(t *testing.T) {
	answer := httptest.NewRecorder()
	handler(t, nil).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/admin/metrics/prometheus", nil))
	if body := answer.Body.String(); !strings.Contains(body, "wye_requests_total{code=\"200\"} 3\n") {
		t.Error(body)
	}
}

func TestShutdownIsPassedOn(t *testing.T) {
	down := false
	answer := httptest.NewRecorder()
	handler(t, func() { down = true }).ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/admin/shutdown", nil))
	if !down || answer.Code != http.StatusOK {
		t.Errorf("down: %v, code %d", down, answer.Code)
	}
}
