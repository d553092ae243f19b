// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// plane is a data plane that serves nothing, and refuses what it is told to.
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

func TestSessionOpensWithHelloAndFollowsUpdates(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	want := &pushv1.Hello{Namespace: "ns", Fleet: "edge", Pod: "edge-1", Version: "v0"}
	if diff := cmp.Diff(want, s.Hello, protocmp.Transform()); diff != "" {
		t.Errorf("hello (-want +got):\n%s", diff)
	}
	p.wait(t, "connected before the first update", connected)
	p.serves(t, apply.SourceNone, nil)

	s.Push(t, full(1))
	p.serves(t, apply.SourceController, config(1))

	ack := s.Push(t, &pushv1.Update{Generation: 2, Pools: []*pushv1.Pool{{Name: "p"}}})
	if diff := cmp.Diff(&pushv1.Ack{Generation: 2}, ack, protocmp.Transform()); diff != "" {
		t.Errorf("ack (-want +got):\n%s", diff)
	}
	both := config(1)
	both.Generation, both.Pools = 2, []*pushv1.Pool{{Name: "p"}}
	p.serves(t, apply.SourceController, both)
}

func TestRefusalsAreAckedAndAckedAgainWhenTheyChange(t *testing.T) {
	p, c := connect(t)
	taken := &pushv1.Refusal{
		Resource: &pushv1.ResourceName{Kind: pushv1.ResourceKind_RESOURCE_KIND_LISTENER, Name: "tcp/1"},
		Reason:   pushv1.RefusalReason_REFUSAL_REASON_PORT_UNAVAILABLE,
		Message:  "address already in use",
	}
	p.plane.refuse(taken)
	s := c.Next(t)
	want := &pushv1.Ack{Generation: 1, Refused: []*pushv1.Refusal{taken}}
	if diff := cmp.Diff(want, s.Push(t, full(1)), protocmp.Transform()); diff != "" {
		t.Errorf("ack (-want +got):\n%s", diff)
	}

	p.Recheck() // nothing has changed: nothing is said
	p.plane.refuse()
	p.Recheck()
	if diff := cmp.Diff(&pushv1.Ack{Generation: 1}, s.Ack(t), protocmp.Transform()); diff != "" {
		t.Errorf("ack once the port is free (-want +got):\n%s", diff)
	}
}

func TestSessionComesBackWithTheGenerationHeld(t *testing.T) {
	p, c := connect(t)
	c.Next(t).Push(t, full(3))
	c.Stop()
	away := p.wait(t, "away", func(s apply.Status) bool { return !s.Connected && s.Away != nil })
	p.serves(t, apply.SourceController, config(3))
	if away.Since.IsZero() {
		t.Error("it does not say since when")
	}

	s := pushtest.Start(t, c.Addr, p.authority).Next(t)
	if got := s.Hello.GetGeneration(); got != 3 {
		t.Errorf("hello has generation %d, want 3", got)
	}
	p.serves(t, apply.SourceController, config(3))
	s.Push(t, full(4))
	p.serves(t, apply.SourceController, config(4))
}

func TestFollowerIsDialledAnewUntilItLeads(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	c.Refuse(status.Error(codes.Unavailable, "not the leader"))
	s.End(status.Error(codes.Unavailable, "not the leader any more"))
	p.wait(t, "refused by the follower", func(s apply.Status) bool {
		return !s.Connected && strings.Contains(s.Away.Error(), "not the leader")
	})
	c.Refuse(nil)
	c.Next(t).Push(t, full(1))
	p.serves(t, apply.SourceController, config(1))
}

func TestDifferenceWithoutBaseEndsTheSessionAndChangesNothing(t *testing.T) {
	p, c := connect(t)
	c.Next(t).Push(t, full(1))
	c.Stop()
	c = pushtest.Start(t, c.Addr, p.authority)
	c.Next(t).Send(t, &pushv1.Update{Generation: 2})
	s := c.Next(t)
	p.serves(t, apply.SourceController, config(1))
	s.Push(t, full(2))
	p.serves(t, apply.SourceController, config(2))
}

func TestTokenIsReadForEachSession(t *testing.T) {
	p, c := connect(t)
	s := c.Next(t)
	c.Want("second")
	s.End(status.Error(codes.Unauthenticated, "token expired"))
	p.wait(t, "refused", func(s apply.Status) bool {
		return !s.Connected && status.Code(s.Away) == codes.Unauthenticated
	})
	p.write(t, p.options.TokenFile, []byte("second"))
	c.Next(t).Push(t, full(1))
}

func TestControllerOfAnotherAuthorityIsNotBelievedUntilItIsTrusted(t *testing.T) {
	other := pushtest.NewAuthority(t)
	var c *pushtest.Controller
	p := prepare(t, func(*pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", other)
		return c.Addr
	})
	p.start(t)
	p.wait(t, "the certificate is refused", func(s apply.Status) bool {
		return s.Away != nil && strings.Contains(s.Away.Error(), "unknown authority")
	})
	select {
	case <-c.Sessions:
		t.Fatal("a session was opened")
	default:
	}
	p.write(t, p.options.CAFile, append(p.authority.PEM, other.PEM...)) // as in a rotation: both
	c.Next(t).Push(t, full(1))
}

func TestControllerOfAnotherNameIsNotBelieved(t *testing.T) {
	p := prepare(t, func(a *pushtest.Authority) string { return pushtest.Start(t, "127.0.0.1:0", a).Addr })
	p.options.ServerName = "someone-else"
	p.start(t)
	p.wait(t, "the name is refused", func(s apply.Status) bool {
		return s.Away != nil && strings.Contains(s.Away.Error(), "someone-else")
	})
}

func TestCredentialsThatCannotBeReadAreReported(t *testing.T) {
	tests := []struct {
		name    string
		spoil   func(p *proxy)
		message string
	}{
		{"no authority", func(p *proxy) { p.options.CAFile += ".gone" }, "no such file"},
		{"authority without a certificate", func(p *proxy) { p.options.CAFile = p.options.TokenFile }, "no PEM certificate"},
		{"no token", func(p *proxy) { p.options.TokenFile += ".gone" }, "no such file"},
		{"empty token", func(p *proxy) { p.write(t, p.options.TokenFile, []byte(" \n")) }, "is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prepare(t, func(*pushtest.Authority) string { return "127.0.0.1:1" })
			test.spoil(p)
			p.start(t)
			p.wait(t, "it says "+test.message, func(s apply.Status) bool {
				return strings.Contains(s.Away.Error(), test.message)
			})
		})
	}
}

func TestSavedConfigIsServedWithoutAController(t *testing.T) {
	p, c := connect(t)
	c.Next(t).Push(t, full(5))
	p.wait(t, "saved", func(s apply.Status) bool { return s.Saved == 5 })
	c.Stop()

	again := &proxy{plane: &plane{}, options: p.options}
	again.options.Plane = again.plane
	again.start(t)
	again.serves(t, apply.SourceDisk, config(5))
}

func TestWhatIsNotSavedYetIsSavedAtTheEnd(t *testing.T) {
	var c *pushtest.Controller
	p := prepare(t, func(a *pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", a)
		return c.Addr
	})
	stop := p.start(t)
	s := c.Next(t)
	for n := uint64(1); n <= 9; n++ { // faster than one write a second
		s.Push(t, full(n))
	}
	stop()
	if got := p.Status(); got.Saved != 9 || got.SaveError != nil || got.Connected {
		t.Errorf("after the end: %+v; want generation 9 saved, and not connected", got)
	}
}

func TestNewestOfDiskAndBootstrapIsServed(t *testing.T) {
	tests := []struct {
		name            string
		disk, bootstrap []byte
		source          apply.Source
		want            *pushv1.Config
	}{
		{"none", nil, nil, apply.SourceNone, nil},
		{"disk", saved(t, 1), nil, apply.SourceDisk, config(1)},
		{"bootstrap", nil, saved(t, 1), apply.SourceBootstrap, config(1)},
		{"disk is newer", saved(t, 2), saved(t, 1), apply.SourceDisk, config(2)},
		{"bootstrap is newer", saved(t, 1), saved(t, 2), apply.SourceBootstrap, config(2)},
		{"the same", saved(t, 1), saved(t, 1), apply.SourceDisk, config(1)},
		{"disk is broken", saved(t, 2)[1:], saved(t, 1), apply.SourceBootstrap, config(1)},
		{"both are broken", []byte("x"), []byte("y"), apply.SourceNone, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prepare(t, func(*pushtest.Authority) string { return "" })
			p.options.Bootstrap = filepath.Join(t.TempDir(), "bootstrap")
			if err := os.MkdirAll(p.options.StateDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if test.disk != nil {
				p.write(t, filepath.Join(p.options.StateDir, "config.wye"), test.disk)
			}
			if test.bootstrap != nil {
				p.write(t, p.options.Bootstrap, test.bootstrap)
			}
			p.start(t)
			p.serves(t, test.source, test.want)
		})
	}
}

// saved is a saved config of generation n.
func saved(t *testing.T, n uint64) []byte {
	t.Helper()
	data, err := pushv1.EncodeSaved("ns/edge", config(n))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStateDirThatCannotBeWrittenStopsNothing(t *testing.T) {
	var c *pushtest.Controller
	p := prepare(t, func(a *pushtest.Authority) string {
		c = pushtest.Start(t, "127.0.0.1:0", a)
		return c.Addr
	})
	p.options.StateDir = filepath.Join(p.options.TokenFile, "a file is in the way")
	p.start(t)
	c.Next(t).Push(t, full(1))
	p.wait(t, "the failure is told", func(s apply.Status) bool { return s.SaveError != nil })
	p.serves(t, apply.SourceController, config(1))
}
