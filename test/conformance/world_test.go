// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conformance holds the data planes of the proxy against each other and
// against what is promised of them: a proxy runs in process, a client and an
// endpoint that follow a script speak through it, and what each of them has seen is
// compared, byte for byte. Nothing in it knows how a data plane works.
package conformance

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/test/ports"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// TestMain runs more tests at once than there are processors: mostly they wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// plane is a data plane.
type plane struct {
	name    string
	options proxy.Options
}

// planes are the data planes that must not differ. The first is the reference.
func planes() []plane {
	return []plane{
		{name: "portable", options: proxy.Options{Portable: true}},
		{name: "loops", options: proxy.Options{}},
	}
}

// world is a proxy that serves one route.
type world struct {
	t       testing.TB
	address string // of the route's port
	host    proxy.Host
	drain   func()
	end     chan error // of Run
	keys    keys       // of peers whose TLS the proxy ends
}

// route says where the proxy sends connections, and what it allows them.
type route struct {
	endpoints               []netip.AddrPort
	connect, idle, lifetime time.Duration // idle 0: never; the others as in pushv1.Timeouts
	secret                  secret
	front                   bool // a proxy is in front, which tells of clients
	bytesPerSecond          uint64
	laden                   bool // see laden
}

// start runs a proxy until the test ends, and returns when its port is open.
func start(t testing.TB, p plane, r route) *world {
	t.Helper()
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(ports.Free(t)))
	admin, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	source := &fixed{config: r.config(address.Port()), refused: make(chan []*pushv1.Refusal, 1)}
	w := &world{t: t, address: address.String(), end: make(chan error, 1)}
	if r.secret != (secret{}) {
		w.keys = newKeys(t)
	}
	drain := make(chan struct{})
	w.drain = sync.OnceFunc(func() { close(drain) })

	o := p.options
	o.Bind, o.Admin, o.Drain, o.Log = address.Addr(), admin, drain, slog.New(slog.DiscardHandler)
	o.Source = func(h proxy.Host) proxy.Source {
		source.host, w.host = h, h
		w.keys.put(h.Identities)
		return source
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.end <- proxy.Run(ctx, o) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	select {
	case refused := <-source.refused:
		if len(refused) > 0 {
			t.Fatalf("refused: %v", refused)
		}
	case err := <-w.end:
		t.Fatalf("the proxy ended: %v", err)
	}
	return w
}

func (r route) config(port uint16) *pushv1.Config {
	var endpoints []*pushv1.Endpoint
	for _, e := range r.endpoints {
		endpoints = append(endpoints, &pushv1.Endpoint{Address: e.Addr().String(), Port: uint32(e.Port())})
	}
	timeouts := &pushv1.Timeouts{Idle: durationpb.New(r.idle), Lifetime: durationpb.New(r.lifetime)}
	if r.connect > 0 {
		timeouts.Connect = durationpb.New(r.connect)
	}
	listener := fmt.Sprintf("tcp/%d", port)
	config := &pushv1.Config{
		Generation: 1,
		Listeners:  []*pushv1.Listener{{Name: listener, Port: uint32(port)}},
		Routes: []*pushv1.Route{{
			Name: "ns/r", Listener: listener, Hash: "00", Timeouts: timeouts,
			Tree:   &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: "a", Pool: "/#/p"}}},
			Limits: &pushv1.RouteLimits{BytesPerSecond: r.bytesPerSecond},
		}},
		Pools: []*pushv1.Pool{{Name: "/#/p", Endpoints: endpoints}},
	}
	r.secret.settle(config)
	if r.front {
		behind(config)
	}
	if r.laden {
		laden(config)
	}
	return config
}

// fixed is a source of one config.
type fixed struct {
	host    proxy.Host
	config  *pushv1.Config
	refused chan []*pushv1.Refusal
}

// Run implements proxy.Source.
func (f *fixed) Run(ctx context.Context) {
	f.refused <- f.host.Plane.Install(f.config)
	<-ctx.Done()
}

// Recheck implements proxy.Source.
func (f *fixed) Recheck() {}

func (f *fixed) Settled() error { return nil }

// Handler implements proxy.Source.
func (f *fixed) Handler() http.Handler { return http.NotFoundHandler() }

// counts are the metrics of a data plane.
type counts struct {
	accepted, active, closed int64
	outcomes                 string // of connections that have ended, with how many
	received, sent           int64  // bytes
}

func (w *world) counts() counts {
	families, err := w.host.Metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	var c counts
	outcomes := map[string]int64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch strings.TrimPrefix(f.GetName(), "wye_proxy_") {
			case "connections_accepted_total":
				c.accepted += int64(m.GetCounter().GetValue())
			case "connections_active":
				c.active += int64(m.GetGauge().GetValue())
			case "connections_closed_total":
				c.closed += int64(m.GetCounter().GetValue())
				outcomes[label(m, "outcome")] += int64(m.GetCounter().GetValue())
			case "received_bytes_total":
				c.received += int64(m.GetCounter().GetValue())
			case "sent_bytes_total":
				c.sent += int64(m.GetCounter().GetValue())
			}
		}
	}
	maps.DeleteFunc(outcomes, func(_ string, n int64) bool { return n == 0 })
	var texts []string
	for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
		texts = append(texts, fmt.Sprintf("%d %s", outcomes[outcome], outcome))
	}
	c.outcomes = strings.Join(texts, ", ")
	return c
}

func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}

// rests waits until so many connections have been served and none is left.
func (w *world) rests(served int64) counts {
	w.t.Helper()
	var c counts
	eventually(w.t, func() error {
		c = w.counts()
		if c.accepted != served || c.closed != served || c.active != 0 || w.host.Active() != 0 {
			return fmt.Errorf("served %d connections, and the proxy is not at rest: %d active, %+v", served, w.host.Active(), c)
		}
		return nil
	})
	return c
}

// eventually waits until try succeeds.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}
