// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
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
	namers, err := mounts.Open(c.Namers)
	if err != nil {
		return configError{err}
	}
	names := boundNames(c.Namers)

	// 2. The interface over them.
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server, err := namerd.NewServer(namerd.Options{
		Tables: store, Access: namerd.Everybody(store),
		Namers: namers.Mounts, BoundNames: names,
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
	group.Go(func() error { return namers.Run(ctx) })
	group.Go(func() error { return names.Run(ctx) })
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

// boundNames lists the names of namers that enumerate theirs.
func boundNames(namers []mounts.Namer) *boundnames.Files {
	var roots []boundnames.Root
	for _, n := range namers {
		if n.Kind == mounts.KindFS {
			roots = append(roots, boundnames.Root{Dir: n.RootDir, Prefix: n.Mount()})
		}
	}
	return boundnames.New(roots...)
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
