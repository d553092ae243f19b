// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package admin shows the state of a proxy over HTTP: /live, /ready, /metrics
// and /config. It only reads; nothing about a proxy can be changed through it,
// and no secret of a config leaves it. Its parts serve those who have more to offer.
package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wye-dev/wye/proxy/apply"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10 // bytes
	// maxScrapes bounds the requests for /metrics, and those for /config, that
	// are answered at once.
	maxScrapes = 4
)

// Options of Handler. All are required.
type Options struct {
	Status   func() apply.Status
	Draining func() bool // the proxy is on its way out
	Active   func() int  // connections being served
	Metrics  prometheus.Gatherer
	Log      *slog.Logger
}

// Handler answers GET and HEAD of the four paths: 404 to others, 405 to other methods.
func Handler(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", Live)
	mux.HandleFunc("GET /ready", o.ready)
	mux.Handle("GET /config", Limit(o.config))
	mux.Handle("GET /metrics", Metrics(o.Metrics, o.Log))
	return mux
}

// Live answers as long as the process works at all.
func Live(w http.ResponseWriter, _ *http.Request) { Say(w, http.StatusOK, "live") }

// Metrics shows metrics to at most a few at once.
func Metrics(metrics prometheus.Gatherer, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: maxScrapes,
	})
}

// ready answers 200 while new connections are welcome:
//  1. not while draining;
//  2. not before there is a config, even an empty one;
//  3. yes with a config, however old: a controller that is away takes nothing
//     out of service.
func (o Options) ready(w http.ResponseWriter, _ *http.Request) {
	s := o.Status()
	switch {
	case o.Draining():
		Say(w, http.StatusServiceUnavailable, fmt.Sprintf("draining: %d connections are left", o.Active()))
	case s.Config == nil && s.Connected:
		Say(w, http.StatusServiceUnavailable, "no config: the controller has not sent one yet, no saved config")
	case s.Config == nil:
		Say(w, http.StatusServiceUnavailable, fmt.Sprintf("no config: controller away since %s (%v), no saved config",
			s.Since.UTC().Format(time.RFC3339), s.Away))
	default:
		Say(w, http.StatusOK, fmt.Sprintf("ready: generation %d from %s, %d refused",
			s.Config.GetGeneration(), s.Source, len(s.Refused)))
	}
}

// Say answers with a line of text.
func Say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// Limit answers 503 when next answers a few requests already.
func Limit(next http.HandlerFunc) http.Handler {
	slots := make(chan struct{}, maxScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next(w, r)
		default:
			Say(w, http.StatusServiceUnavailable, "too many requests at once")
		}
	})
}
