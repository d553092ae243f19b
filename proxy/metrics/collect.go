// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wye-dev/wye/proxy/balancer"
	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// descs are the metrics. They are made anew for each scrape rather than kept in
// package variables.
type descs struct {
	accepted, active, closed   *prometheus.Desc
	received, sent             *prometheus.Desc
	connect, retries, endpoint *prometheus.Desc
	audited                    *prometheus.Desc
	pauses, paused, handshakes *prometheus.Desc
	shakes, unfit              *prometheus.Desc
	stale                      *prometheus.Desc
	ready, hits                *prometheus.Desc
	ejected, readmits          *prometheus.Desc
}

func describe() descs {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc("wye_proxy_"+name, help, append([]string{"listener", "route", "arm"}, more...), nil)
	}
	ofPort := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("wye_proxy_accept_"+name, help, []string{"listener", "reason"}, nil)
	}
	const handshakes = "Connections that have not said yet what is needed to serve them: a PROXY header, what they ask for in TLS, its handshake."
	const unfit = "Clients that came to no terms with the proxy on TLS, by why. Only reasons that there were are shown."
	return descs{
		handshakes: prometheus.NewDesc("wye_proxy_handshakes_active", handshakes, []string{"listener"}, nil),

		accepted: desc("connections_accepted_total", "Connections that the router gave to the arm."),
		active:   desc("connections_active", "Connections of the arm that have not ended."),
		closed:   desc("connections_closed_total", "Connections of the arm that have ended, by how.", "outcome"),
		stale:    desc("stale_connections", "Connections of an arm that gets no new ones, which migration is to end. Only where the route has it end them."),
		received: desc("received_bytes_total", "Payload from clients that was written to endpoints. Moves while connections are open."),
		sent:     desc("sent_bytes_total", "Payload from endpoints that was written to clients. Moves while connections are open."),
		connect:  desc("connect_duration_seconds", "Time from the choice of the arm to being connected to an endpoint, of connections that were."),
		retries:  desc("connect_retries_total", "Attempts to connect to another endpoint of the arm after one that failed."),
		audited:  desc("access_audited_total", "Connections of the arm that the route's access lists would have refused, if they did not only audit."),
		pauses:   ofPort("pauses_total", "Times that the listener stopped accepting for a limit. Clients wait meanwhile."),
		paused:   ofPort("paused_seconds_total", "Time in which the listener did not accept for a limit. Moves while it does not."),
		shakes:   desc("backend_tls_handshake_failures_total", "Attempts to connect to an endpoint of the arm that came to no terms with it on TLS. They count as failed to connect, too."),
		unfit:    prometheus.NewDesc("wye_proxy_tls_handshake_failures_total", unfit, []string{"listener", "route", "reason"}, nil),
		ready:    desc("warm_connections", "Connections to endpoints of the arm's pool that are ready for clients. Only where the route has them kept."),
		hits:     desc("warm_connections_used_total", "Connections of the arm that took one which was ready."),
		endpoint: desc("endpoints", "Endpoints of the arm: available to new connections, ejected (they failed), unhealthy (checks failed), or retired (gone from the pool, and still with connections).", "state"),
		ejected:  desc("endpoint_ejections_total", "How often endpoints of the arm were taken out, by why.", "cause"),
		readmits: desc("endpoint_readmissions_total", "How often endpoints of the arm were readmitted, by why they had been taken out.", "cause"),
	}
}

// Describe is the prometheus.Collector's.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	d := describe()
	for _, desc := range []*prometheus.Desc{
		d.accepted, d.active, d.closed, d.received, d.sent, d.connect, d.retries, d.endpoint, d.audited, d.pauses, d.paused, d.handshakes, d.shakes,
		d.stale, d.unfit,
		d.ejected, d.readmits, d.ready, d.hits,
	} {
		ch <- desc
	}
}

// Collect is the prometheus.Collector's.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.RLock()
	arms := make([]*Arm, 0, len(m.arms))
	for _, a := range m.arms {
		arms = append(arms, a)
	}
	ports := slices.Collect(maps.Values(m.ports))
	m.mu.RUnlock()
	d := describe()
	for _, p := range ports {
		p.collect(d, ch)
	}
	for _, a := range arms {
		a.collect(d, ch)
	}
}

func (a *Arm) collect(d descs, ch chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value int64, more ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, float64(value), append(a.labels.values(), more...)...)
	}
	// What counts ends is read before what counts beginnings, so that no scrape
	// shows more ends.
	for o := flow.Completed; o < flow.Outcomes; o++ {
		send(d.closed, prometheus.CounterValue, a.closed[o].Load(), o.String())
	}
	send(d.active, prometheus.GaugeValue, a.active.Load())
	if a.Stale() {
		send(d.stale, prometheus.GaugeValue, a.active.Load())
	}
	send(d.accepted, prometheus.CounterValue, a.accepted.Load())
	send(d.received, prometheus.CounterValue, a.received.Load())
	send(d.sent, prometheus.CounterValue, a.sent.Load())
	send(d.retries, prometheus.CounterValue, a.retries.Load())
	send(d.audited, prometheus.CounterValue, a.audited.Load())
	send(d.shakes, prometheus.CounterValue, a.shakes.Load())
	a.collectUnfit(d.unfit, ch)
	a.collectConnects(d.connect, ch)
	if pool := a.pool.Load(); pool != nil {
		a.collectEndpoints(d, pool, send)
		if shelf := pool.Shelf(); shelf != nil {
			send(d.ready, prometheus.GaugeValue, int64(shelf.Len()))
			send(d.hits, prometheus.CounterValue, a.warm.Load())
		}
	}
}

// collectUnfit tells of handshakes with clients, which have come to no arm.
func (a *Arm) collectUnfit(desc *prometheus.Desc, ch chan<- prometheus.Metric) {
	for reason := range tlsconf.Reasons {
		if n := a.clients[reason].Load(); n > 0 {
			values := append(a.labels.values()[:2], reason.String())
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), values...)
		}
	}
}

func (a *Arm) collectEndpoints(d descs, pool *balancer.Pool, send func(*prometheus.Desc, prometheus.ValueType, int64, ...string)) {
	census := pool.Census()
	send(d.endpoint, prometheus.GaugeValue, int64(census.Available), "available")
	send(d.endpoint, prometheus.GaugeValue, int64(census.Ejected), "ejected")
	send(d.endpoint, prometheus.GaugeValue, int64(census.Unhealthy), "unhealthy")
	send(d.endpoint, prometheus.GaugeValue, int64(census.Retired), "retired")
	for cause := range balancer.Causes {
		ejected, readmitted := pool.Ejections(cause)
		send(d.readmits, prometheus.CounterValue, readmitted, cause.String())
		send(d.ejected, prometheus.CounterValue, ejected, cause.String())
	}
}

func (a *Arm) collectConnects(desc *prometheus.Desc, ch chan<- prometheus.Metric) {
	var count uint64
	counts := make(map[float64]uint64, len(buckets{}))
	for i, bound := range connectBuckets() {
		count += uint64(a.connects[i].Load())
		counts[bound.Seconds()] = count
	}
	count += uint64(a.connects[len(buckets{})].Load())
	sum := time.Duration(a.connectTime.Load()).Seconds()
	ch <- prometheus.MustNewConstHistogram(desc, count, sum, counts, a.labels.values()...)
}

// values of the labels. Names come from outside, and label values must be UTF-8.
func (l labels) values() []string {
	values := []string{l.listener, l.route, l.arm}
	for i, v := range values {
		values[i] = strings.ToValidUTF8(v, "\uFFFD")
	}
	return values
}
