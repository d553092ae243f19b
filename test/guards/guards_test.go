// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package guards attacks each guard of a proxy on purpose, and watches what becomes
// of others meanwhile. The proxy is the program, by itself; a client that behaves
// sends requests through it, one after the other, with nobody else there and then
// under each attack. All of them must be answered, the attack must be counted, and how
// long the answers took is told.
//
// As part of the other tests it is short, and says only that nothing breaks: attackers,
// client, proxy and backend share a machine with other tests. `make guards` is the
// measurement, for a machine that has nothing else to do.
package guards

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/wye-dev/wye/test/programs"
)

var (
	seconds     = flag.Float64("seconds", 0.4, "how long the client is watched at a time")
	rounds      = flag.Int("rounds", 1, "how often it is watched under each attack, and as often without")
	connections = flag.Int("connections", 5000, "how many connections an attack may hold, if descriptors suffice")
	attempts    = flag.Int("attempts", 500, "how often a second a client tries that is turned away")
	within      = flag.Float64("within", 0, "by how many per cent the median may be longer under attack; 0: it is only told")
	only        = flag.String("attack", "", "the name of the only attack")
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// generous is what the median may take under attack, whatever else the machine does.
const generous = 500 * time.Millisecond

func TestGuards(t *testing.T) {
	bin, err := programs.Find(t.Context(), filepath.Join("..", ".."), t.TempDir(), "wye-proxy")
	if err != nil {
		t.Fatal(err)
	}
	for _, plane := range []string{"loops", "portable"} {
		t.Run(plane, func(t *testing.T) {
			w := start(t, bin, plane)
			for _, a := range attacks() {
				if *only == "" || *only == a.name {
					t.Run(a.name, func(t *testing.T) { w.withstand(t, a) })
				}
			}
		})
	}
}

// withstand watches the client with and without an attack, in turn.
func (w *world) withstand(t *testing.T, a attack) {
	p := w.open(t, a)
	c := newClient(t, p)
	defer c.close()
	c.watch(span(0.25)) // to warm up
	var alone, under answers
	for range *rounds {
		alone.add(c.watch(span(1)))
		before := w.figure(t, a.counted)
		stop := a.begin(t, w, p)
		under.add(c.watch(span(1)))
		w.await(t, "the attack is counted: "+a.counted, func() bool { return w.figure(t, a.counted) > before })
		stop()
		w.await(t, "the attackers are gone", func() bool { return w.active(t) <= 1 }) // the client's own
	}
	t.Log(a.about)
	a.compare(t, "on a connection that lasts", alone.kept, under.kept, true)
	a.compare(t, "on a new connection", alone.fresh, under.fresh, !a.queues)
}

// compare tells what requests felt of an attack. promised: they should feel next to nothing.
func (a attack) compare(t *testing.T, which string, alone, under latencies, promised bool) {
	t.Helper()
	ratio := float64(under.at(50)) / float64(alone.at(50))
	t.Logf("%s: %d alone, p50 %s p90 %s p99 %s; %d under attack, p50 %s p90 %s p99 %s; the median is %.2f times as long",
		which, len(alone), alone.at(50), alone.at(90), alone.at(99), len(under), under.at(50), under.at(90), under.at(99), ratio)
	if under.at(50) > generous {
		t.Errorf("%s the median is %s", which, under.at(50))
	}
	if *within > 0 && promised && ratio > 1+*within/100 {
		t.Errorf("%s the median is %.0f %% longer, more than %.0f %%", which, 100*(ratio-1), *within)
	}
}

// span is a part of the time for which the client is watched.
func span(part float64) time.Duration { return time.Duration(part * *seconds * float64(time.Second)) }
