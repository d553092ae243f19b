//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package soak keeps a real wye-proxy under mixed load for a long time, and another in
// front of it that ends TLS and leads to a third as well: in TLS, and telling of clients
// by the PROXY protocol, which that one tells the endpoints. Meanwhile config changes at
// random, endpoints are killed and started again, and certificates are replaced. Every
// byte of every stream must be right and every endpoint know its client, no connection
// may end that the test has not ended, a handshake must show the newest certificate, and
// at rest all proxies must hold what they held in the beginning.
package soak

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/test/ports"
)

const (
	servers = 6                // endpoints
	rests   = 4                // after the one that ends the warm-up
	tellAll = 10 * time.Second // between lines of progress
)

var (
	duration = flag.Duration("duration", 30*time.Minute, "of the load")
	seed     = flag.Uint64("seed", 0, "of the changes; 0: a new one each time")
	flags    = flag.String("proxy-flags", "", "more of all proxies, with spaces between them")
)

// world is everything that runs.
type world struct {
	began      time.Time
	random     *rand.Rand // of the goroutine that makes changes
	block      block
	kinds      []kind
	tally      *tally
	endpoints  []*endpoint
	dead       *endpoint // nil: none is
	plan       *plan
	controller *pushtest.Controller
	session    *pushtest.Session
	proxy      *program
	back       *back
	front      *program // ends TLS in front of the others
	identities []*identity
	doors      []*door
	load       *load
	progress   *time.Ticker
	changed    map[string]int // by name of the change
	states     []state
}

func TestSoak(t *testing.T) {
	w := newWorld(t)
	warmUp := min(max(*duration/8, 10*time.Second), 2*time.Minute)
	w.disturb(t, w.began.Add(warmUp))
	first := w.rest(t)
	last := first
	for i := range rests {
		if len(w.tally.found()) > 0 {
			break
		}
		w.load.resume()
		w.disturb(t, w.began.Add(warmUp+(*duration-warmUp)*time.Duration(i+1)/rests))
		last = w.rest(t)
	}
	w.load.stop()
	w.wantActs(t)
	w.front.drain(t)
	w.back.program.drain(t)
	w.proxy.drain(t)
	for i := range last {
		for _, grown := range last[i].growth(first[i]) {
			w.tally.violation("%s", grown)
		}
	}
	w.tally.wantHandshakes()
	w.summary(t)
}

// newWorld starts everything.
func newWorld(t *testing.T) *world {
	t.Helper()
	number := *seed
	if number == 0 {
		number = rand.Uint64()
	}
	t.Logf("-seed %d, for %s", number, *duration)
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], number)
	w := &world{
		random:   rand.New(rand.NewPCG(number, 0)),
		block:    newBlock(rand.NewChaCha8(key)),
		kinds:    kinds(),
		tally:    newTally(),
		progress: time.NewTicker(tellAll),
		changed:  map[string]int{},
	}
	t.Cleanup(w.progress.Stop)
	for i := range servers {
		e := &endpoint{number: uint8(i), port: uint32(ports.Free(t)), world: w}
		if err := e.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.stop)
		w.endpoints = append(w.endpoints, e)
	}
	w.plan = newPlan(w.random, w.endpoints, func() uint32 { return uint32(ports.Free(t)) })
	file := build(t)
	w.startProxy(t, file)
	w.startBack(t, file)
	w.startFront(t, file)
	w.began = time.Now()
	w.load = startLoad(w)
	return w
}

// startProxy starts the proxy with a controller, and gives it the plan.
func (w *world) startProxy(t *testing.T, file string) {
	t.Helper()
	authority, dir := pushtest.NewAuthority(t), t.TempDir()
	w.controller = pushtest.Start(t, "127.0.0.1:0", authority)
	args := []string{
		"--controller", w.controller.Addr, "--namespace", "ns", "--fleet", "soak", "--pod", "soak-1",
		"--ca-file", write(t, dir, "ca.crt", authority.PEM), "--token-file", write(t, dir, "token", []byte("token")),
		"--bind", "127.0.0.1", "--admin-addr", "127.0.0.1:0", "--drain-delay", "0s",
	}
	w.proxy = run(t, "proxy", file, append(args, strings.Fields(*flags)...)...)
	w.session = w.controller.Next(t)
	w.push(t, w.plan.full())
	for _, r := range w.plan.routes {
		d := &door{name: r.name, address: r.address(), dial: dialTCP}
		if r.passes {
			d.route = r
		}
		w.doors = append(w.doors, d)
	}
}

func (w *world) proxies() []*program { return []*program{w.proxy, w.front, w.back.program} }

// allKills are the kills of all endpoints so far.
func (w *world) allKills() []kills {
	var all []kills
	for _, e := range w.endpoints {
		all = append(all, e.killed())
	}
	return all
}

// hurt tells whether a conversation may have been ended by a kill: of its endpoint,
// or of any, if it has not come so far as to know it.
func (w *world) hurt(before []kills, endpoint int) bool {
	for i, e := range w.endpoints {
		if (endpoint < 0 || endpoint == i) && e.killed().since(before[i]) {
			return true
		}
	}
	return false
}

// tell tells how far it is.
func (w *world) tell(t *testing.T) {
	t.Helper()
	t.Logf("%s: %s; changes: %s", time.Since(w.began).Round(time.Second), w.tally, counts(w.changed))
	for _, p := range w.proxies() {
		f := p.scrape(t)
		t.Logf("the %s has %.0f connections, %.0f descriptors, %.0f goroutines, %.1f MiB", p.name,
			f.sum("wye_proxy_connections_active"), f["process_open_fds"], f["go_goroutines"], f["process_resident_memory_bytes"]/mib)
	}
}

// summary tells how it went, and fails the test if something was wrong.
func (w *world) summary(t *testing.T) {
	t.Helper()
	var at strings.Builder
	for _, s := range w.states {
		fmt.Fprintf(&at, "\n  %s", s)
	}
	t.Logf("conversations: %s\nchanges: %s\nat rest:%s", w.tally, counts(w.changed), &at)
	for _, text := range w.tally.found() {
		t.Errorf("violation: %s", text)
	}
}
