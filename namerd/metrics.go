// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Server. Endpoints are a closed list; see route.
type metrics struct {
	requests *prometheus.CounterVec   // by endpoint and code
	seconds  *prometheus.HistogramVec // by endpoint, without watches
	watches  prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wye_namerd_requests_total",
			Help: "Requests to namerd's API that were answered, watches when they end.",
		}, []string{"endpoint", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "wye_namerd_request_seconds",
			Help:    "Time to answer a request to namerd's API, watches left aside.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9), // to 6.5 s
		}, []string{"endpoint"}),
		watches: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wye_namerd_watches",
			Help: "Watches of namerd's API that are open.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	return m, errors.Join(registerer.Register(m.requests), registerer.Register(m.seconds), registerer.Register(m.watches))
}

// begin counts a request; done is for its end.
func (m *metrics) begin(endpoint string, w *countedResponse) (done func()) {
	start := time.Now()
	return func() {
		m.requests.WithLabelValues(endpoint, strconv.Itoa(w.code)).Inc()
		if !w.streamed {
			m.seconds.WithLabelValues(endpoint).Observe(time.Since(start).Seconds())
		}
	}
}

// watch counts an open watch; end is for its end.
func (m *metrics) watch() (end func()) {
	m.watches.Inc()
	return m.watches.Dec
}

// countedResponse remembers what was answered.
type countedResponse struct {
	http.ResponseWriter
	code     int
	streamed bool
}

// WriteHeader makes countedResponse an http.ResponseWriter.
func (w *countedResponse) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (w *countedResponse) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// FlushError is how streams send, and what only they do.
func (w *countedResponse) FlushError() error {
	w.streamed = true
	return http.NewResponseController(w.ResponseWriter).Flush()
}
