// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admin is the administration interface of wye-namerd, at namerd's paths. It
// shows what there is and ends the process when asked to; it changes nothing else.
package admin

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options of a handler. All of them are needed.
type Options struct {
	Config    json.Marshaler // what is shown as /config.json
	Metrics   prometheus.Gatherer
	Delegator http.Handler // behind /dtab/delegator.json
	Shutdown  func()       // ends the process, in good order
}

// New makes a handler.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin/ping", ping)
	metrics := metricsJSON(o.Metrics)
	mux.Handle("GET /admin/metrics", metrics)
	mux.Handle("GET /admin/metrics.json", metrics)
	mux.Handle("GET /admin/metrics/prometheus", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, o.Config) })
	mux.Handle("/dtab/delegator.json", o.Delegator)
	mux.HandleFunc("POST /admin/shutdown", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		o.Shutdown()
	})
	return mux
}

func ping(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "pong") // the client may have gone
}

func writeJSON(w http.ResponseWriter, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // the client may have gone
}
