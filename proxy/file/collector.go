// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import "github.com/prometheus/client_golang/prometheus"

// collector tells in metrics how names and config are, read anew for each scrape.
type collector struct {
	source *source

	info, generation, refused, answers, failures, resolved *prometheus.Desc
}

func newCollector(s *source) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wye_proxy_"+name, help, labels, nil)
	}
	return &collector{
		source:     s,
		info:       desc("config_info", "1, with where the config came from that is in service: file or none.", "source"),
		generation: desc("config_generation", "Generation of the config in service, 0 when there is none."),
		refused:    desc("config_refused", "Resources of the config that are not served in their newest form."),
		answers:    desc("resolver_answers_total", "Answers that said what a name is bound to, or at which addresses; with a table of its own, evaluations of it.", "router", "name"),
		failures:   desc("resolver_failures_total", "Answers without addresses, and attempts without an answer.", "router", "name"),
		resolved:   desc("resolver_current", "1 while what is served of a name is the newest that there is, else 0.", "router", "name"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.info, c.generation, c.refused, c.answers, c.failures, c.resolved} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	serving, from := c.source.Serving(), "file"
	if serving == nil {
		from = "none"
	}
	send(c.info, prometheus.GaugeValue, 1, from)
	send(c.generation, prometheus.GaugeValue, float64(serving.GetGeneration()))
	send(c.refused, prometheus.GaugeValue, float64(len(c.source.host.Plane.Refusals())))
	for _, n := range c.source.names {
		state, labels := n.known(), []string{n.router, n.path.String()}
		current := 0.0
		if state.Answer != nil && state.Err == nil {
			current = 1
		}
		send(c.answers, prometheus.CounterValue, float64(state.Answers), labels...)
		send(c.failures, prometheus.CounterValue, float64(state.Failures), labels...)
		send(c.resolved, prometheus.GaugeValue, current, labels...)
	}
}
