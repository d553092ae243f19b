// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// plane is a data plane that serves nothing, and refuses what it is told to. It
// reports one arm of each route that it is asked for.
type plane struct {
	mu      sync.Mutex
	config  *pushv1.Config    // guarded by mu
	refused []*pushv1.Refusal // guarded by mu
}

func (p *plane) Install(c *pushv1.Config) []*pushv1.Refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.config = c
	return p.refused
}

func (p *plane) Refusals() []*pushv1.Refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

func (p *plane) Report(routes []string) []*pushv1.RouteReport {
	var reports []*pushv1.RouteReport
	for _, name := range routes {
		reports = append(reports, &pushv1.RouteReport{Name: name, Arms: []*pushv1.ArmReport{{Arm: "a", Opened: 2, Open: 1}}})
	}
	return reports
}

func (p *plane) refuse(r ...*pushv1.Refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = r
}

// proxy is a client with its files, and the controller that it follows.
type proxy struct {
	*apply.Client
	plane     *plane
	options   apply.Options
	authority *pushtest.Authority
}

// prepare makes the files of a proxy that trusts a new authority.
func prepare(t *testing.T, controller func(*pushtest.Authority) string) *proxy {
	t.Helper()
	dir := t.TempDir()
	p := &proxy{plane: &plane{}, authority: pushtest.NewAuthority(t)}
	p.options = apply.Options{
		Controller: controller(p.authority),
		ServerName: pushtest.ServerName,
		CAFile:     filepath.Join(dir, "ca.crt"),
		TokenFile:  filepath.Join(dir, "token"),
		Namespace:  "ns",
		Fleet:      "edge",
		Pod:        "edge-1",
		Version:    "v0",
		StateDir:   filepath.Join(dir, "state"),
		Plane:      p.plane,
		Log:        slog.New(slog.DiscardHandler),
	}
	p.write(t, p.options.CAFile, p.authority.PEM)
	p.write(t, p.options.TokenFile, []byte("first\n"))
	return p
}

// start runs the proxy until the test ends or stop is called.
func (p *proxy) start(t *testing.T) (stop func()) {
	t.Helper()
	p.Client = apply.New(p.options)
	p.Restore()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.Run(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

func (p *proxy) write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// wait waits until the status is as wanted.
func (p *proxy) wait(t *testing.T, what string, wanted func(apply.Status) bool) apply.Status {
	t.Helper()
	for deadline := time.Now().Add(pushtest.Patience); ; {
		s := p.Status()
		if wanted(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s; it is %+v", what, s)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func connected(s apply.Status) bool { return s.Connected }

// connect starts a controller and a proxy that follows it.
func connect(t *testing.T) (*proxy, *pushtest.Controller) {
	t.Helper()
	var c *pushtest.Controller
	p := prepare(t, func(a *pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", a)
		return c.Addr
	})
	c.Want("first")
	p.start(t)
	return p, c
}

// config is a config of generation n, told apart by its one listener.
func config(n uint64) *pushv1.Config {
	return &pushv1.Config{Generation: n, Listeners: []*pushv1.Listener{{Name: "tcp/1", Port: uint32(n)}}}
}

func full(n uint64) *pushv1.Update {
	return &pushv1.Update{Generation: n, Full: true, Listeners: config(n).GetListeners()}
}

func (p *proxy) serves(t *testing.T, source apply.Source, want *pushv1.Config) {
	t.Helper()
	s := p.Status()
	if s.Source != source {
		t.Errorf("source is %s, want %s", s.Source, source)
	}
	p.plane.mu.Lock()
	defer p.plane.mu.Unlock()
	for _, got := range []*pushv1.Config{s.Config, p.plane.config} {
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("serves another config (-want +got):\n%s", diff)
		}
	}
}
