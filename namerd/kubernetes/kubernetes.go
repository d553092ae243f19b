// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubernetes is namerd's HTTP interface over the Dtab objects of a cluster.
// The name of a table is that of a Dtab in one namespace, or NAMESPACE/DTAB of any.
//
// Tables are read from an informer's cache, and written with the token that comes
// with a request, as a bearer token or as a password, and nothing else: what its
// owner may not do, this interface cannot do for him. Without TLS it listens on
// loopback only, and whoever is there may read; with TLS reading takes a token, too,
// whose owner may get the Dtab. A watch that was permitted goes on until it ends.
package kubernetes

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namerd"
)

// +kubebuilder:rbac:groups=wye.dev,resources=dtabs,verbs=get;list;watch

// ServiceName is the Service by which clients reach the interface in a cluster.
const ServiceName = "wye-namerd"

// Informers is where tables are learned of. A controller-runtime cache is one.
type Informers interface {
	GetInformer(ctx context.Context, obj client.Object, opts ...cache.InformerGetOption) (cache.Informer, error)
}

// Options of an Interface. Cluster, Informers, Namespace and Address are needed.
type Options struct {
	// Cluster is the API server. The credentials in it are not used.
	Cluster   *rest.Config
	Informers Informers
	// Namespace of the Dtabs that are named without one.
	Namespace string
	// Address to listen on, HOST:PORT. A loopback address, unless there is TLS.
	Address string
	// TLS to serve with. It needs a certificate.
	TLS *tls.Config
	// Namers bind concrete names.
	Namers []namer.Mount
	// Metrics are registered here. Nowhere if nil.
	Metrics prometheus.Registerer
	// Log of an Interface. None if nil.
	Log *slog.Logger
}

// Interface serves namerd's HTTP interface.
type Interface struct {
	Options
	tables *tables
	server *namerd.Server
}

// New makes an interface. It is an error if it would be open to others than this machine
// without TLS.
func New(o Options) (*Interface, error) {
	if o.TLS == nil && !Loopback(o.Address) {
		return nil, fmt.Errorf("namerd's address %s is not on loopback: that takes TLS, for writers send their tokens", o.Address)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	callers, err := newCallers(o.Cluster)
	if err != nil {
		return nil, err
	}
	t := &tables{home: o.Namespace, log: o.Log}
	a := &access{tables: t, callers: callers, everybodyReads: o.TLS == nil}
	server, err := namerd.NewServer(namerd.Options{
		Tables: t, Access: a, Namers: o.Namers, Metrics: o.Metrics, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return &Interface{Options: o, tables: t, server: server}, nil
}

// Loopback tells whether an address, HOST:PORT, can be reached from this machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// Run listens once all tables are known, and serves until ctx ends.
func (i *Interface) Run(ctx context.Context) error {
	// 1. Every table that there is: one that is not there yet would be a 404.
	informer, err := i.Informers.GetInformer(ctx, &v1alpha1.Dtab{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("get informer of Dtabs: %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    i.tables.set,
		UpdateFunc: func(_, after any) { i.tables.set(after) },
		DeleteFunc: i.tables.remove,
	})
	if err != nil {
		return fmt.Errorf("follow Dtabs: %w", err)
	}
	defer func() { _ = informer.RemoveEventHandler(registration) }() // an error says that the informer has stopped
	if !toolscache.WaitFor(ctx, "", registration.HasSyncedChecker()) {
		return nil
	}

	// 2. The port.
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", i.Address)
	if err != nil {
		return fmt.Errorf("listen for namerd's interface: %w", err)
	}
	i.Log.Info("serving namerd's interface", "address", ln.Addr().String(), "tls", i.TLS != nil)
	if i.TLS != nil {
		ln = tls.NewListener(ln, i.TLS)
	}

	// 3. Go.
	return i.server.Run(ctx, ln)
}
