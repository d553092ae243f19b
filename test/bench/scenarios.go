//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
)

// scenario is one kind of load, run on every candidate that has the listener.
type scenario struct {
	Name     string
	About    string
	Listener string
	Show     []string // metrics for the table; the first is the headline
	Spec     loadSpec
	Fresh    bool // start the peer anew for each measurement
}

// What the tables show of a kind of load. Only read.
var (
	showBulk  = []string{"gib_per_s", "proxy_cpu_s_per_gib", "total_cpu_s_per_gib"}
	showRR    = []string{"ops_per_s", "p50_us", "p99_us", "p999_us", "proxy_cpu_us_per_op"}
	showRate  = []string{"p50_us", "p99_us", "p999_us", "proxy_cpu_us_per_op", "ops_per_s"}
	showMixed = []string{"p99_us", "p50_us", "p999_us", "ops_per_s", "gib_per_s", "proxy_cpu_cores"}
	showSwap  = []string{"p99_us", "p50_us", "proxy_cpu_us_per_op", "ops_per_s", "changes_per_s"}
	showChurn = []string{"conns_per_s", "p50_us", "p99_us", "proxy_cpu_us_per_conn", "errors"}
	showIdle  = []string{"bytes_per_conn", "base_pss_mib", "idle_pss_mib", "fds_per_conn", "opened_per_s", "idle_cpu_milli"}
)

// scenarios are all of them, in the order in which they run.
func scenarios(idle int) []scenario {
	return slices.Concat(bulks(), messages(), plain(), idles(idle), secured(idle), []scenario{{
		Name: "dist", Listener: "weighted", Show: []string{"max_error", "share_11", "share_12", "share_13"},
		About: "share of 4000 connections per backend, weights 5:3:2",
		Spec:  loadSpec{Kind: "dist", Conns: 4000, Sources: 32},
	}}, pushed())
}

func bulks() (all []scenario) {
	for _, conns := range []int{1, 8} {
		for _, mode := range []string{"down", "up", "both"} {
			all = append(all, scenario{
				Name: fmt.Sprintf("bulk-%s-%d", mode, conns), Listener: "tcp", Show: showBulk,
				About: fmt.Sprintf("stream %s over %d connection(s)", mode, conns),
				Spec:  loadSpec{Kind: "bulk", Mode: mode, Conns: conns},
			})
		}
	}
	return all
}

func messages() (all []scenario) {
	for _, m := range []struct{ size, conns int }{{1 << 10, 1}, {1 << 10, 16}, {1 << 10, 256}, {4 << 10, 64}, {16 << 10, 16}, {16 << 10, 128}} {
		all = append(all, scenario{
			Name: fmt.Sprintf("rr-%dk-%d", m.size>>10, m.conns), Listener: "tcp", Show: showRR,
			About: fmt.Sprintf("%d KiB request and answer over %d long-lived connection(s), as fast as it goes", m.size>>10, m.conns),
			Spec:  loadSpec{Kind: "rr", Size: m.size, Conns: m.conns},
		})
	}
	return all
}

func plain() []scenario {
	return []scenario{{
		Name: "rate-1k-64", Listener: "tcp", Show: showRate,
		About: "1 KiB request and answer at 5000/s over 64 connections: latency below saturation",
		Spec:  loadSpec{Kind: "rr", Size: 1 << 10, Conns: 64, Rate: 5000},
	}, {
		Name: "mixed", Listener: "tcp", Show: showMixed,
		About: "1 KiB request and answer over 64 connections, as fast as it goes, beside 8 that stream down",
		Spec:  loadSpec{Kind: "mixed", Mode: "down", Streams: 8, Size: 1 << 10, Conns: 64},
	}, {
		Name: "churn-32", Listener: "tcp", Show: showChurn,
		About: "open, exchange one byte, close; 32 at once",
		Spec:  loadSpec{Kind: "churn", Conns: 32, Sources: 32},
	}}
}

func idles(idle int) []scenario {
	return []scenario{{
		Name: "idle", Listener: "tcp", Show: showIdle, Fresh: true,
		About: fmt.Sprintf("memory of %d idle connections after one byte", idle),
		Spec:  loadSpec{Kind: "idle", Conns: idle, Sources: 32},
	}, {
		Name: "idle-used", Listener: "tcp", Show: showIdle, Fresh: true,
		About: fmt.Sprintf("memory of %d idle connections that have each exchanged 64 KiB", idle),
		Spec:  loadSpec{Kind: "idle", Conns: idle, Size: 64 << 10, Sources: 32},
	}}
}

// secured are those with TLS.
func secured(idle int) []scenario {
	return []scenario{{
		Name: "tls-bulk-down-8", Listener: "tls", Show: showBulk,
		About: "stream down over 8 TLS 1.3 connections",
		Spec:  loadSpec{Kind: "bulk", Mode: "down", Conns: 8, TLS: true},
	}, {
		Name: "tls-bulk-up-8", Listener: "tls", Show: showBulk,
		About: "stream up over 8 TLS 1.3 connections",
		Spec:  loadSpec{Kind: "bulk", Mode: "up", Conns: 8, TLS: true},
	}, {
		Name: "tls-rr-1k-64", Listener: "tls", Show: showRR,
		About: "1 KiB request and answer over 64 TLS 1.3 connections",
		Spec:  loadSpec{Kind: "rr", Size: 1 << 10, Conns: 64, TLS: true},
	}, {
		Name: "tls-churn-full-16", Listener: "tls", Show: showChurn,
		About: "TLS 1.3 full handshake (ECDSA P-256, X25519), one byte, close; 16 at once",
		Spec:  loadSpec{Kind: "churn", Conns: 16, TLS: true, Sources: 32},
	}, {
		Name: "tls-churn-resume-16", Listener: "tls", Show: append(slices.Clone(showChurn), "resumed_share"),
		About: "the same with resumed sessions",
		Spec:  loadSpec{Kind: "churn", Conns: 16, TLS: true, Resume: true, Sources: 32},
	}, {
		Name: "tls-idle", Listener: "tls", Show: showIdle, Fresh: true,
		About: fmt.Sprintf("memory of %d idle TLS connections after one byte", idle/2),
		Spec:  loadSpec{Kind: "idle", Conns: idle / 2, TLS: true, Sources: 32},
	}, {
		Name: "tls-idle-used", Listener: "tls", Show: showIdle, Fresh: true,
		About: fmt.Sprintf("memory of %d idle TLS connections that have each exchanged 64 KiB", idle/2),
		Spec:  loadSpec{Kind: "idle", Conns: idle / 2, Size: 64 << 10, TLS: true, Sources: 32},
	}}
}

// pushed are those of a proxy that has a controller.
func pushed() []scenario {
	return []scenario{{
		Name: "controlled", Listener: "pushed", Show: []string{"rss_mib", "pss_mib", "pss_anon_mib", "idle_cpu_milli"}, Fresh: true,
		About: "resident memory with one listener and no traffic, connected to a controller",
		Spec:  loadSpec{Kind: "rest"},
	}, {
		Name: "swap", Listener: "swap", Show: showSwap,
		About: "1 KiB request and answer at 5000/s over 64 connections, with and without 100 config changes a second",
		Spec:  loadSpec{Kind: "rr", Size: 1 << 10, Conns: 64, Rate: 5000},
	}, {
		Name: "apply", Listener: "pushed", Show: []string{"apply_p50_ms", "apply_max_ms", "changes"}, Fresh: true,
		About: "a change of 1000 routes at once, from publishing to the proxy's acknowledgement",
		Spec:  loadSpec{Kind: "apply", Routes: 1000},
	}}
}
