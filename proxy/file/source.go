// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package file is a source of config that needs no controller: a linkerd-tcp
// configuration. It follows the names of the configuration's servers, makes of what
// they are bound to a config such as a controller would push, and puts it into
// service whenever it has changed. A server's port is opened once its name is bound
// for the first time; from then on only an answer changes anything. Certificates come
// from files, which it follows too.
package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
	"github.com/wye-dev/wye/proxy"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/resolve"
	"github.com/wye-dev/wye/proxy/resolve/local"
	"github.com/wye-dev/wye/proxy/resolve/namerd"
	"github.com/wye-dev/wye/proxy/tlsconf/files"
)

// resolver finds out what names are bound to.
type resolver interface {
	// Follow tells all that becomes known of a name until ctx ends. Calls of tell
	// do not overlap.
	Follow(ctx context.Context, name dtab.Path, tell func(resolve.State))
}

// source implements proxy.Source.
type source struct {
	host   proxy.Host
	namers *mounts.Set
	certs  *files.Set
	names  []*name
	routes []route
	wake   chan struct{} // holds one value when what is known may have changed

	mu      sync.Mutex
	serving *pushv1.Config // guarded by mu; nil before anything is served
}

// name is a name that a router of the configuration sends connections to.
type name struct {
	router   string // label
	path     dtab.Path
	resolver resolver
	settings *pushv1.PoolSettings // how its endpoints are reached; nil: as by default

	mu    sync.Mutex
	state resolve.State // guarded by mu
}

// New checks what a configuration refers to, and returns what makes a proxy.Source
// of it. An error is a mistake in the configuration.
func New(config *linkerdtcp.Config) (func(proxy.Host) proxy.Source, error) {
	namers, err := mounts.Open(config.Namers)
	if err != nil {
		return nil, err
	}
	table, err := local.New(namers.Mounts...)
	if err != nil {
		return nil, err
	}
	certs, err := files.Open(identities(config.Routers), bundles(config.Routers))
	if err != nil {
		return nil, err
	}
	return func(host proxy.Host) proxy.Source {
		certs.Serve(host.Identities, host.Log)
		s := &source{host: host, namers: namers, certs: certs, wake: make(chan struct{}, 1)}
		for _, router := range config.Routers {
			s.add(router, resolverOf(router, table, host.Log))
		}
		host.Metrics.MustRegister(newCollector(s))
		return s
	}, nil
}

// resolverOf is what resolves the names of a router.
func resolverOf(router linkerdtcp.Router, table *local.Names, log *slog.Logger) resolver {
	if router.Namerd == nil {
		return table.By(dtab.NewTable(router.Table))
	}
	return namerd.New(namerd.Options{
		BaseURL:   router.Namerd.BaseURL,
		Namespace: router.Namerd.Namespace,
		Period:    router.Namerd.Period,
		Log:       log.With("router", router.Label),
	})
}

// add takes the servers of a router.
func (s *source) add(router linkerdtcp.Router, r resolver) {
	names := map[string]*name{} // text of the path -> name
	for _, server := range router.Servers {
		text := server.DstName.String()
		n := names[text]
		if n == nil {
			// How a name is reached is the same for all servers that send there.
			n = &name{router: router.Label, path: server.DstName, resolver: r, settings: settings(server.Backends)}
			names[text] = n
			s.names = append(s.names, n)
		}
		s.routes = append(s.routes, route{server: server, name: n, title: s.title(n, server)})
	}
}

// Run follows all names, and the files of all identities, until ctx ends.
func (s *source) Run(ctx context.Context) {
	var following sync.WaitGroup
	defer following.Wait()
	following.Go(func() {
		if err := s.namers.Run(ctx); err != nil {
			s.host.Log.Error("files cannot be followed", "error", err)
			s.host.End()
		}
	})
	following.Go(func() { s.certs.Run(ctx) })
	for _, n := range s.names {
		following.Go(func() {
			n.resolver.Follow(ctx, n.path, func(state resolve.State) { s.learn(n, state) })
		})
	}
	for {
		select {
		case <-s.wake:
			s.serve()
		case <-ctx.Done():
			return
		}
	}
}

// learn takes what is known of a name.
func (s *source) learn(n *name, state resolve.State) {
	n.mu.Lock()
	before := n.state
	n.state = state
	n.mu.Unlock()

	log := s.host.Log.With("router", n.router, "name", n.path.String())
	switch {
	case errors.Is(state.Err, dtab.ErrPending):
	case text(state.Err) != "" && text(state.Err) != text(before.Err):
		log.Warn("not resolved; what is served stays as it is", "error", state.Err)
	case state.Err == nil && (before.Err != nil || before.Answer == nil):
		log.Info("resolved")
	}
	if state.Answer == before.Answer {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// known is what is known of the name.
func (n *name) known() resolve.State {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// serve puts into service what is known now, if it says something new.
func (s *source) serve() {
	next := config(s.routes)
	next.Generation = s.Serving().GetGeneration()
	if proto.Equal(next, s.Serving()) {
		return
	}
	next.Generation++
	refused := s.host.Plane.Install(next)

	s.mu.Lock()
	s.serving = next
	s.mu.Unlock()
	s.host.Log.Info("config in service", "generation", next.GetGeneration(), "listeners", len(next.GetListeners()),
		"routes", len(next.GetRoutes()), "pools", len(next.GetPools()), "refused", len(refused))
	for _, r := range refused {
		s.host.Log.Warn("resource refused", "kind", r.GetResource().GetKind().String(), "name", r.GetResource().GetName(),
			"reason", r.GetReason().String(), "message", r.GetMessage())
	}
}

// Serving is the config in service, nil if there is none.
func (s *source) Serving() *pushv1.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving
}

// Recheck implements proxy.Source. Refusals are read when somebody asks for them, and
// the listeners have logged what happened.
func (s *source) Recheck() {}

// Settled implements proxy.Source: every name has been answered, and is served.
func (s *source) Settled() error {
	for _, n := range s.names {
		if state := n.known(); state.Answer == nil {
			return fmt.Errorf("no answer yet for %s%s: %w", n.router, n.path, cmp.Or(state.Err, dtab.ErrPending))
		}
	}
	if coming := s.answered() - len(s.Serving().GetRoutes()); coming > 0 {
		return fmt.Errorf("%d routes are being put in service", coming)
	}
	return nil
}

// text is an error's, empty for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// title is the unique name of a route: the router's label and the name that its
// connections go to, and the server's address where one router sends two to the same.
func (s *source) title(n *name, server linkerdtcp.Server) string {
	title := n.router + n.path.String()
	for _, other := range s.routes {
		if other.title == title {
			return fmt.Sprintf("%s@%s", title, server.Address)
		}
	}
	return title
}
