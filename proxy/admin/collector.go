// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-dev/wye/proxy/apply"
)

// collector tells a status in metrics, read anew for each scrape.
type collector struct {
	status func() apply.Status

	info, generation, saved, connected, refused *prometheus.Desc
}

// NewCollector makes the metrics of a proxy's config.
func NewCollector(status func() apply.Status) prometheus.Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("wye_proxy_"+name, help, labels, nil)
	}
	return &collector{
		status:     status,
		info:       desc("config_info", "1, with where the config came from that is in service: controller, disk, bootstrap or none.", "source"),
		generation: desc("config_generation", "Generation of the config in service, 0 when there is none."),
		saved:      desc("config_saved_generation", "Generation of the config that this process wrote to the disk last, 0 for none."),
		connected:  desc("controller_connected", "1 while a session with the controller stands, otherwise 0."),
		refused:    desc("config_refused", "Resources of the config that are not served in their newest form."),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.info, c.generation, c.saved, c.connected, c.refused} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.status()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.info, 1, string(s.Source))
	gauge(c.generation, float64(s.Config.GetGeneration()))
	gauge(c.saved, float64(s.Saved))
	gauge(c.refused, float64(len(s.Refused)))
	connected := 0.0
	if s.Connected {
		connected = 1
	}
	gauge(c.connected, connected)
}
