//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"os"
	"testing"
)

// asBackend has the test binary be a backend in a child process.
const asBackend = "BENCH_TEST_AS_BACKEND"

func TestMain(m *testing.M) {
	if os.Getenv(asBackend) != "" {
		if err := serveMain(os.Args[1:]); err != nil {
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// startBackend starts a backend and returns its addresses, plain and with TLS.
func startBackend(t *testing.T) (plain, secured string) {
	t.Helper()
	l := &lab{dir: t.TempDir()}
	if err := l.makeCert(); err != nil {
		t.Fatal(err)
	}
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	plain, secured = address(ports[0]), address(ports[1])
	argv := []string{os.Args[0], "-listen", plain, "-tls", secured, "-cert", l.cert, "-key", l.key, "-id", "7"}
	r, err := launch("backend", argv, []string{asBackend + "=1"}, l.dir+"/log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	if err := r.waitFor(ports[0]); err != nil {
		t.Fatal(err)
	}
	return plain, secured
}

// Each load runs briefly on a backend alone: what counts is that it does, and that
// nothing fails.
func TestLoadsMoveSomething(t *testing.T) {
	plain, secured := startBackend(t)
	for name, c := range map[string]struct {
		spec loadSpec
		want string // a metric that must be more than 0
	}{
		"down":    {loadSpec{Kind: "bulk", Mode: "down", Conns: 2}, "gib_per_s"},
		"both":    {loadSpec{Kind: "bulk", Mode: "both", Conns: 1}, "gib_per_s"},
		"rr":      {loadSpec{Kind: "rr", Size: 3000, Conns: 3}, "ops_per_s"},
		"rate":    {loadSpec{Kind: "rr", Size: 100, Conns: 2, Rate: 200}, "p50_us"},
		"mixed":   {loadSpec{Kind: "mixed", Mode: "down", Streams: 2, Size: 100, Conns: 2}, "p99_us"},
		"churn":   {loadSpec{Kind: "churn", Conns: 2, Sources: 4}, "conns_per_s"},
		"tls":     {loadSpec{Kind: "rr", Size: 100, Conns: 2, TLS: true}, "ops_per_s"},
		"resumed": {loadSpec{Kind: "churn", Conns: 1, TLS: true, Resume: true}, "resumed_share"},
		"dist":    {loadSpec{Kind: "dist", Conns: 20}, "share_7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.spec.Target, c.spec.Seconds, c.spec.Warmup = plain, 0.2, 0.05
			if c.spec.TLS {
				c.spec.Target = secured
			}
			m, err := loads()[c.spec.Kind](&client{loadSpec: c.spec})
			if err != nil {
				t.Fatal(err)
			}
			if m[c.want] <= 0 || m["errors"] != 0 {
				t.Errorf("%s = %v, errors = %v", c.want, m[c.want], m["errors"])
			}
		})
	}
}

func TestIdleConnectionsAreOpenTogether(t *testing.T) {
	plain, _ := startBackend(t)
	c := &client{loadSpec: loadSpec{Target: plain, Conns: 50, Size: 64 << 10, Sources: 4}}
	conns, err := c.dialAll(c.Conns, modeMessages, c.Size)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(conns)
	if err := exchangeOnce(conns, c.Size); err != nil {
		t.Fatal(err)
	}
}

func TestDialNeedsTheBackend(t *testing.T) {
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if conn, err := ln.Accept(); err == nil {
			conn.Close() // as a proxy that has none
		}
	}()
	c := &client{loadSpec: loadSpec{Target: ln.Addr().String()}}
	if conn, _, err := c.dial(modeMessages, 1, nil); err == nil {
		conn.Close()
		t.Error("a connection without a backend counts as dialled")
	}
}
