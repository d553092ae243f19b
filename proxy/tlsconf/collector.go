// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import "github.com/prometheus/client_golang/prometheus"

// collector tells in metrics how identities are, read anew for each scrape.
type collector struct {
	store            *Store
	expires, current *prometheus.Desc
}

// Collector tells of the identities in the Store.
func (s *Store) Collector() prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("wye_proxy_tls_certificate_"+name, help, []string{"identity"}, nil)
	}
	return &collector{
		store:   s,
		expires: desc("expiration_timestamp_seconds", "When the first certificate of the chain in force expires, in seconds since 1970."),
		current: desc("current", "1 while the certificate in force is the newest that there is, 0 while a newer one cannot be used."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.expires
	out <- c.current
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, state := range c.store.States() {
		current := 1.0
		if state.Stale != nil {
			current = 0
		}
		out <- prometheus.MustNewConstMetric(c.expires, prometheus.GaugeValue, float64(state.Expires.Unix()), state.Name)
		out <- prometheus.MustNewConstMetric(c.current, prometheus.GaugeValue, current, state.Name)
	}
}
