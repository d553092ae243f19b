// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package report

// Goal is a bound on a metric of one candidate, in one or more scenarios.
type Goal struct {
	Title     string
	Scenarios []string
	Candidate string
	Metric    string
	// Against are the candidates of which the best one's median is 1. None: the
	// bound is on the metric itself.
	Against []string
	// Bound is the least that is wanted where more is better, else the most.
	Bound float64
	// Floor, if not 0, makes Bound one for the median over the scenarios, and is
	// the bound of each.
	Floor float64
}

// more tells of which metrics more is better.
func more(metric string) bool {
	switch metric {
	case "gib_per_s", "ops_per_s", "conns_per_s":
		return true
	}
	return false
}

// Goals are what Wye wants to reach.
func Goals() []Goal {
	var (
		bulk   = []string{"bulk-down-1", "bulk-up-1", "bulk-both-1", "bulk-down-8", "bulk-up-8", "bulk-both-8"}
		rr     = []string{"rr-1k-1", "rr-1k-16", "rr-1k-256", "rr-4k-64", "rr-16k-16", "rr-16k-128"}
		rate   = []string{"rate-1k-64"}
		churn  = []string{"churn-32"}
		idle   = []string{"idle", "idle-used"}
		stream = []string{"tls-bulk-down-8", "tls-bulk-up-8"}
		secure = []string{"tls-rr-1k-64"}

		spliced = []string{"haproxy-splice"}
		usual   = []string{"haproxy", "nginx"}
		all     = []string{"haproxy", "haproxy-splice", "nginx"}
		ending  = []string{"haproxy", "nginx", "hitch"}
		direct  = []string{"direct"}
	)
	return []Goal{
		{"bulk: throughput", bulk, "wye", "gib_per_s", spliced, 1.0, 0},
		{"bulk: CPU per GiB", bulk, "wye", "proxy_cpu_s_per_gib", spliced, 1.0, 0},
		{"bulk: throughput", bulk, "wye", "gib_per_s", usual, 1.25, 0},
		{"bulk: throughput with CUBIC", bulk, "wye-cubic", "gib_per_s", all, 1.15, 0},
		{"request and answer: CPU per op", rr, "wye", "proxy_cpu_us_per_op", all, 0.92, 0},
		{"request and answer: throughput", rr, "wye", "ops_per_s", all, 1.03, 0.95},
		{"request and answer: p99", rr, "wye", "p99_us", all, 1.05, 0},
		{"below saturation: p50", rate, "wye", "p50_us", all, 0.95, 0},
		{"below saturation: CPU per op", rate, "wye", "proxy_cpu_us_per_op", all, 0.9, 0},
		{"churn: connections", churn, "wye", "conns_per_s", all, 1.02, 0},
		{"churn: CPU per connection", churn, "wye", "proxy_cpu_us_per_conn", all, 0.95, 0},
		{"idle: bytes per connection", idle, "wye", "bytes_per_conn", nil, 768, 0},
		{"TLS bulk: throughput", stream, "wye", "gib_per_s", ending, 1.03, 0},
		{"TLS bulk: CPU per GiB", stream, "wye", "proxy_cpu_s_per_gib", ending, 0.95, 0},
		{"TLS request and answer: throughput", secure, "wye", "ops_per_s", ending, 1.03, 0},
		{"TLS request and answer: CPU per op", secure, "wye", "proxy_cpu_us_per_op", ending, 0.95, 0},
		{"TLS full handshakes", []string{"tls-churn-full-16"}, "wye", "conns_per_s", ending, 1.05, 0},
		{"TLS resumed handshakes", []string{"tls-churn-resume-16"}, "wye", "conns_per_s", ending, 1.10, 0},
		{"TLS idle: bytes per connection", []string{"tls-idle", "tls-idle-used"}, "wye", "bytes_per_conn", []string{"nginx"}, 1.0, 0},
		{"resident memory with a controller, MiB", []string{"controlled"}, "wye-pushed", "rss_mib", nil, 16, 0},
		{"against direct: request and answer", []string{"rr-1k-16"}, "wye", "ops_per_s", direct, 0.48, 0},
		{"against direct: churn", churn, "wye", "conns_per_s", direct, 0.58, 0},
		{"against direct: bulk", bulk, "wye", "gib_per_s", direct, 0.48, 0},
		{"mixed: p99 of messages beside streams", []string{"mixed"}, "wye", "p99_us", all, 1.0, 0},
		{"100 config changes a second: p99", []string{"swap"}, "wye-swapped", "p99_us", []string{"wye-pushed"}, 1.05, 0},
		{"a change of 1000 routes, ms", []string{"apply"}, "wye-pushed", "apply_p50_ms", nil, 50, 0},
	}
}
