// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Reasons for which a proxy is turned away: the label of auth_failures_total.
const (
	denyNoToken = "no_token"           // no bearer token
	denyToken   = "invalid_token"      // the API server does not vouch for it
	denyReview  = "review_unavailable" // the API server could not be asked
	denyHello   = "no_hello"           // no proper hello in time
	denyFleet   = "no_fleet"           // the fleet does not exist
	denyAccount = "wrong_account"      // not the fleet's service account
	denyPod     = "wrong_pod"          // another pod's token
)

// metrics are what the server counts. What the book knows is read from it at
// each scrape, so a forgotten fleet has no series left.
type metrics struct {
	pushes prometheus.Counter
	took   prometheus.Histogram
	denied *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		pushes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wye_controller_pushes_total",
			Help: "Updates sent to proxies.",
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "wye_controller_push_duration_seconds",
			Help:    "Time from publishing a config (or from the proxy's hello, if that was later) to a proxy's acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16), // 1 ms to 33 s
		}),
		denied: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wye_controller_auth_failures_total",
			Help: "Proxies turned away, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range []string{denyNoToken, denyToken, denyReview, denyHello, denyFleet, denyAccount, denyPod} {
		m.denied.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) register(r prometheus.Registerer, b *Book) error {
	err := errors.Join(r.Register(m.pushes), r.Register(m.took), r.Register(m.denied), r.Register(newCensus(b)))
	if err != nil {
		return fmt.Errorf("register the metrics of config push: %w", err)
	}
	return nil
}

// census counts what is in a book.
type census struct {
	book                          *Book
	generation, proxies, refusals *prometheus.Desc
}

func newCensus(b *Book) *census {
	fleet := []string{"namespace", "fleet"}
	return &census{
		book: b,
		generation: prometheus.NewDesc("wye_controller_config_generation",
			"Generation of the newest config of a fleet.", fleet, nil),
		proxies: prometheus.NewDesc("wye_controller_proxies",
			"Proxies of a fleet: all that are connected, and those of them that have not confirmed the newest config.",
			append(fleet, "state"), nil),
		refusals: prometheus.NewDesc("wye_controller_refusals",
			"Resources that connected proxies of a fleet refuse to serve, summed over the proxies.", fleet, nil),
	}
}

// Describe sends what Collect may send.
func (c *census) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.generation
	ch <- c.proxies
	ch <- c.refusals
}

// Collect sends the numbers of now.
func (c *census) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
	}
	for _, fleet := range c.book.fleets() {
		newest, views := c.book.views(fleet)
		var generation uint64
		if newest != nil {
			generation = newest.generation
		}
		lagging, refusals := 0, 0
		for _, v := range views {
			if v.lagging {
				lagging++
			}
			refusals += len(v.refused)
		}
		gauge(c.generation, int(generation), fleet.Namespace, fleet.Name)
		gauge(c.proxies, len(views), fleet.Namespace, fleet.Name, "connected")
		gauge(c.proxies, lagging, fleet.Namespace, fleet.Name, "lagging")
		gauge(c.refusals, refusals, fleet.Namespace, fleet.Name)
	}
}
