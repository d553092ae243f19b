// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/apply"
	"github.com/wye-dev/wye/proxy/pushtest"
)

// listen opens a port of the kernel's choice.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect runs a proxy that is connected to c, until the test ends.
func connect(t *testing.T, c *controller) {
	t.Helper()
	authority := pushtest.NewAuthority(t)
	server, err := publish.NewServer(publish.Options{
		Book: c.book, Tokens: anybody{}, Account: account, TLS: serving(*authority.Leaf(t)), Log: logr.Discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, pushes := t.TempDir(), listen(t)
	for name, text := range map[string][]byte{"ca.pem": authority.PEM, "token": []byte("token")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	start := func(name string, run func() error) {
		running.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	start("push", func() error { return server.Run(ctx, pushes) })
	start("lead", func() error { return server.Lead(ctx) })
	start("proxy", func() error {
		return proxy.Run(ctx, proxy.Options{
			Config: apply.Options{
				Controller: pushes.Addr().String(), ServerName: pushtest.ServerName, Namespace: "bench", Fleet: "bench", Pod: "bench-0",
				CAFile: filepath.Join(dir, "ca.pem"), TokenFile: filepath.Join(dir, "token"),
			},
			Bind: netip.MustParseAddr("127.0.0.1"), Admin: listen(t), Log: slog.New(slog.DiscardHandler),
		})
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func TestAChangeIsOverWhenTheProxyHasConfirmedIt(t *testing.T) {
	l := listen(t)
	port := l.Addr().(*net.TCPAddr).Port
	l.Close() // the proxy opens it
	c := newController(uint32(port), netip.MustParseAddrPort("127.0.0.1:9"))
	connect(t, c)
	var before uint64
	for range 3 {
		took, err := c.changeAll(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if took <= 0 || took > patience {
			t.Errorf("it took %v", took)
		}
		after := c.acked()
		if after <= before {
			t.Errorf("generation %d came after %d", after, before)
		}
		before = after
	}
}

func TestRefusalsAreNoConfirmation(t *testing.T) {
	taken := listen(t)
	defer taken.Close()
	c := newController(uint32(taken.Addr().(*net.TCPAddr).Port), netip.MustParseAddrPort("127.0.0.1:9"))
	connect(t, c)
	if _, err := c.changeAll(t.Context(), 0); err == nil {
		t.Error("a route whose port is taken counts as applied")
	}
}

func TestChangesComeAsOftenAsAsked(t *testing.T) {
	c := newController(1, netip.MustParseAddrPort("127.0.0.1:9"))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.change(ctx, 1000) }()
	for deadline := time.Now().Add(patience); c.book.Config(fleet()).GetGeneration() < 5; {
		if time.Now().After(deadline) {
			t.Fatal("there are no changes")
		}
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
