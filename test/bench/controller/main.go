// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Command controller is what a proxy is connected to while it is measured: the
// config push service of wye-controller, over a config that this program makes up.
// It publishes one route, changes it as often as -changes says, and does what it is
// told over HTTP: GET /acked answers the generation that the proxy has confirmed,
// POST /change?routes=N changes N more routes at once and answers how many
// milliseconds that took until the proxy had confirmed it. It takes any token, so
// it must listen on loopback only.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/publish/authn"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "controller:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("controller", flag.ContinueOnError)
	var (
		push    = f.String("push", "", "`ADDRESS` of config push")
		control = f.String("control", "", "`ADDRESS` to be told at")
		cert    = f.String("cert", "", "certificate `FILE` (PEM)")
		key     = f.String("key", "", "key `FILE` (PEM)")
		port    = f.Uint("port", 0, "`PORT` that the proxy is to open")
		backend = f.String("backend", "", "`ADDRESS` that its connections go to")
		changes = f.Float64("changes", 0, "config changes per second")
	)
	if err := f.Parse(args); err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(*backend)
	if err != nil {
		return fmt.Errorf("-backend: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return err
	}
	c := newController(uint32(*port), to)
	server, err := publish.NewServer(publish.Options{
		Book: c.book, Tokens: anybody{}, Account: account, TLS: serving(pair), Log: logr.Discard(),
	})
	if err != nil {
		return err
	}
	pushes, err := net.Listen("tcp", *push)
	if err != nil {
		return err
	}
	orders, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(ctx, pushes) })
	g.Go(func() error { return server.Lead(ctx) })
	g.Go(func() error { return c.serve(ctx, orders) })
	g.Go(func() error { return c.change(ctx, *changes) })
	return g.Wait()
}

// fleet is the one that there is.
func fleet() types.NamespacedName { return types.NamespacedName{Namespace: "bench", Name: "bench"} }

// serviceAccount is whom every token belongs to.
const serviceAccount = "bench"

func account(context.Context, types.NamespacedName) (string, bool, error) {
	return serviceAccount, true, nil
}

func serving(pair tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
}

// anybody takes any token.
type anybody struct{}

func (anybody) Review(context.Context, string) (authn.Identity, error) {
	return authn.Identity{Namespace: fleet().Namespace, ServiceAccount: serviceAccount}, nil
}

// serve takes orders until ctx ends.
func (c *controller) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /acked", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, c.acked())
	})
	mux.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.FormValue("routes"))
		if err != nil || n < 0 || n > maxRoutes {
			http.Error(w, fmt.Sprintf("routes must be from 0 to %d", maxRoutes), http.StatusBadRequest)
			return
		}
		took, err := c.changeAll(r.Context(), n)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, float64(took)/float64(time.Millisecond))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
