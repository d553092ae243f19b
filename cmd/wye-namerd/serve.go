// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/fs"
	"github.com/wye-dev/wye/namer/inet"
	"github.com/wye-dev/wye/namer/rewrite"
	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/admin"
	"github.com/wye-dev/wye/namerd/boundnames"
	"github.com/wye-dev/wye/namerd/config"
	"github.com/wye-dev/wye/namerd/inmemory"
)

// serve is the composition root. It returns when ctx ends, or when the
// administration interface is asked to shut down.
func serve(ctx context.Context, c *config.Config, log *slog.Logger) error {
	ctx, shutdown := context.WithCancel(ctx)
	defer shutdown()

	// 1. Tables and namers.
	store := inmemory.New(tables(c))
	discovery, err := discover(c)
	if err != nil {
		return err
	}

	// 2. The interface over them.
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server, err := namerd.NewServer(namerd.Options{
		Tables: store, Access: namerd.Everybody(store),
		Namers: discovery.mounts, BoundNames: discovery.names,
		Metrics: registry, Log: log,
	})
	if err != nil {
		return err
	}
	administration := admin.New(admin.Options{
		Config: c, Metrics: registry, Delegator: server.Delegator(), Shutdown: shutdown,
	})

	// 3. All ports, before anything is answered.
	listeners, err := listenAll(ctx, append([]netip.AddrPort{c.Admin}, c.Interfaces...))
	if err != nil {
		return err
	}

	// 4. Go.
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range append(discovery.run, discovery.names.Run) {
		group.Go(func() error { return run(ctx) })
	}
	log.Info("serving", "kind", "admin", "address", listeners[0].Addr().String())
	group.Go(func() error { return namerd.Serve(ctx, listeners[0], administration, log) })
	for i, ln := range listeners[1:] {
		log.Info("serving", "kind", config.KindHTTPController, "address", ln.Addr().String())
		if !c.Interfaces[i].Addr().IsLoopback() {
			log.Warn("others than this machine may change tables", "address", ln.Addr().String())
		}
		group.Go(func() error { return server.Run(ctx, ln) })
	}
	err = group.Wait()
	log.Info("stopped")
	return err
}

func tables(c *config.Config) map[string]dtab.Dtab {
	tables := map[string]dtab.Dtab{}
	for _, n := range c.Namespaces {
		tables[n.Name] = n.Table
	}
	return tables
}

// discovery is what the namers of a configuration come to.
type discovery struct {
	mounts []namer.Mount
	run    []func(context.Context) error
	names  *boundnames.Files
}

func discover(c *config.Config) (discovery, error) {
	hosts := inet.New(inet.Options{})
	d := discovery{mounts: hosts.Mounts(), run: []func(context.Context) error{hosts.Run}}
	var roots []boundnames.Root
	for _, n := range c.Namers {
		switch n.Kind {
		case config.KindFS:
			files, err := fs.New(fs.Options{Root: n.RootDir, Prefix: n.Mount()})
			if err != nil {
				return d, configError{fmt.Errorf("namer %s: %w", n.Kind, err)}
			}
			d.mounts = append(d.mounts, files.Mount())
			d.run = append(d.run, files.Run)
			roots = append(roots, boundnames.Root{Dir: n.RootDir, Prefix: n.Mount()})
		case config.KindRewrite:
			names, err := rewrite.New(rewrite.Options{Prefix: n.Mount(), Pattern: n.Pattern, Name: n.Name})
			if err != nil {
				return d, configError{fmt.Errorf("namer %s: %w", n.Kind, err)}
			}
			d.mounts = append(d.mounts, names.Mount())
		}
	}
	d.names = boundnames.New(roots...)
	return d, nil
}

// listenAll opens all ports, or none.
func listenAll(ctx context.Context, addresses []netip.AddrPort) ([]net.Listener, error) {
	var config net.ListenConfig
	var listeners []net.Listener
	for _, address := range addresses {
		ln, err := config.Listen(ctx, "tcp", address.String())
		if err != nil {
			for _, ln := range listeners {
				ln.Close()
			}
			return nil, err // it names the address
		}
		listeners = append(listeners, ln)
	}
	return listeners, nil
}
