// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers is the operator: reconcilers over the pipeline watch,
// translate, publish, status. Setup wires it into a manager.
package controllers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/fleet"
	"github.com/wye-dev/wye/controllers/fleet/deployment"
	"github.com/wye-dev/wye/controllers/fleet/process"
	"github.com/wye-dev/wye/controllers/observe"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/publish/authn"
	"github.com/wye-dev/wye/controllers/publish/pki"
	"github.com/wye-dev/wye/controllers/publish/tickets"
	"github.com/wye-dev/wye/controllers/status"
	"github.com/wye-dev/wye/controllers/watch"
	"github.com/wye-dev/wye/controllers/webhook"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/fs"
	"github.com/wye-dev/wye/namer/inet"
	"github.com/wye-dev/wye/namer/k8s"
	"github.com/wye-dev/wye/namerd/kubernetes"
)

// What no package below asks for itself.
//
// +kubebuilder:rbac:groups=wye.dev,resources=dtabs;tcproutes;proxyfleets,verbs=get;list;watch
// +kubebuilder:rbac:groups=wye.dev,resources=dtabs/status;tcproutes/status;proxyfleets/status,verbs=get;patch;update
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// The values of Options.Runtime.
const (
	RuntimeDeployment = "deployment"
	RuntimeProcess    = "process"
)

const (
	// namesDelay lets a burst of endpoint changes become one reconcile.
	namesDelay = 20 * time.Millisecond
	// materialsDelay lets Secrets that are replaced together become one.
	materialsDelay = 20 * time.Millisecond
	// progressDelay lets the acknowledgements of a fleet become one status write.
	progressDelay = 50 * time.Millisecond
	// usageDelay does the same for the tables that many fleets use.
	usageDelay = 20 * time.Millisecond
	// staleEvery is how often proxies are asked how many connections are still to be migrated.
	staleEvery = 2 * time.Second
)

// Options of the operator.
type Options struct {
	Namespace       string // of the operator itself
	Runtime         string // RuntimeDeployment or RuntimeProcess
	PushBindAddress string // HOST:PORT on which config push listens
	PushAddress     string // HOST:PORT by which proxies reach it
	ProxyImage      string // with RuntimeDeployment
	ProxyBinary     string // with RuntimeProcess; empty: wye-proxy beside this program
	StateDir        string // with RuntimeProcess: directory of the proxies' files
	ProxyBind       string // with RuntimeProcess: address on which proxies accept
	FSRoot          string // directory behind /#/io.l5d.fs; empty: none
	// InspectBindAddress is the HOST:PORT, on loopback, that tells what the proxies
	// saw; empty: none.
	InspectBindAddress string
	// WebhookBindAddress is the HOST:PORT on which admission listens; empty: not
	// at all. If HOST is an address, the serving certificate is for it too.
	WebhookBindAddress string
	// NamerdBindAddress is the HOST:PORT of namerd's HTTP interface; empty: not at
	// all. On any but a loopback address it is served over TLS, by the operator's CA,
	// for the names of the Service kubernetes.ServiceName.
	NamerdBindAddress string
	// NamerdServerNames are further names of hosts, and addresses, by which namerd's
	// clients reach it over TLS.
	NamerdServerNames []string
	// NamerdNamespace is where Dtabs are that namerd's clients name without one.
	NamerdNamespace string
}

// CacheOptions say what of the cluster the manager keeps in memory: of the kinds
// that everybody has, only what concerns fleets, and of the many only what is
// read. Services stay whole: what fleets apply is compared with who owns it.
func CacheOptions() cache.Options {
	exists, err := labels.NewRequirement(fleet.LabelFleet, selection.Exists, nil)
	if err != nil {
		panic(err) // the key is a constant
	}
	ours := cache.ByObject{Label: labels.NewSelector().Add(*exists)}
	byObject := map[client.Object]cache.ByObject{
		&corev1.Pod{}:                ours,
		&discoveryv1.EndpointSlice{}: {Transform: k8s.Strip},
		&corev1.Namespace{}:          {Transform: cache.TransformStripManagedFields()},
		&admissionv1.ValidatingWebhookConfiguration{}: {
			Field: fields.OneTermEqualSelector("metadata.name", webhook.ConfigurationName),
		},
	}
	for _, kind := range deployment.Owned() {
		if _, service := kind.(*corev1.Service); !service { // of Services, names may be anybody's
			byObject[kind] = ours
		}
	}
	return cache.Options{ByObject: byObject}
}

// operator is what Setup wires together.
type operator struct {
	Options
	mgr       ctrl.Manager
	authority *pki.Authority
	caChanged *watch.Doorbell // of webhook.Trust
	mounts    []namer.Mount
	namers    []manager.Runnable
	fleets    *FleetReconciler
	dtabs     *DtabReconciler
}

// Setup wires the operator into a manager: what feeds the pipeline, the pipeline,
// and what it feeds.
func Setup(ctx context.Context, mgr ctrl.Manager, options Options) error {
	o := &operator{Options: options, mgr: mgr}
	for _, step := range []func(context.Context) error{
		o.setupReconcilers,
		o.setupNames,
		o.setupMaterials,
		o.setupPush,
		o.setupAdmission,
		o.setupNamerd,
		o.setupRuntime,
		o.register,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// setupReconcilers makes the two reconcilers, and the bells by which the other
// parts reach them.
func (o *operator) setupReconcilers(ctx context.Context) error {
	if err := watch.Index(ctx, o.mgr.GetFieldIndexer()); err != nil {
		return err
	}
	w := watch.Watch{Reader: o.mgr.GetClient()}
	writer := &status.Writer{Client: o.mgr.GetClient(), Events: o.mgr.GetEventRecorder(fleet.ControllerName)}
	usageChanged := &watch.Doorbell{Delay: usageDelay}
	usage := &Usage{Changed: usageChanged.Ring}
	o.fleets = &FleetReconciler{
		Watch: w, Status: writer, Usage: usage, Now: time.Now,
		NamesChanged:     &watch.Doorbell{Delay: namesDelay},
		MaterialsChanged: &watch.Doorbell{Delay: materialsDelay},
		ProgressChanged:  &watch.Doorbell{Delay: progressDelay},
		RuntimeChanged:   &watch.Doorbell{},
	}
	o.dtabs = &DtabReconciler{Watch: w, Status: writer, Usage: usage, Now: time.Now, UsageChanged: usageChanged}
	o.fleets.Book = publish.NewBook(o.fleets.ProgressChanged.Ring)
	o.fleets.Stale = NewStale(o.fleets.ProgressChanged.Ring, staleEvery)
	return nil
}

// setupNames mounts the namers.
func (o *operator) setupNames(context.Context) error {
	services := k8s.New(k8s.Options{Informers: o.mgr.GetCache()})
	hosts := inet.New(inet.Options{})
	o.mounts = append(hosts.Mounts(), services.Mount())
	o.namers = append(o.namers, everywhere(services.Run), everywhere(hosts.Run))
	if o.FSRoot != "" {
		files, err := fs.New(fs.Options{Root: o.FSRoot})
		if err != nil {
			return fmt.Errorf("serve --fs-root: %w", err)
		}
		o.mounts = append(o.mounts, files.Mount())
		o.namers = append(o.namers, everywhere(files.Run))
	}
	var err error
	o.fleets.Names, err = namer.NewTable(func(consumer string) {
		o.fleets.NamesChanged.Ring(parseKey(consumer))
	}, o.mounts...)
	return err
}

// setupMaterials makes what follows the certificates that routes refer to.
func (o *operator) setupMaterials(context.Context) error {
	core, err := watch.CoreClient(o.mgr.GetConfig())
	if err != nil {
		return err
	}
	o.fleets.Materials = &watch.Materials{Client: core, Changed: o.fleets.MaterialsChanged.Ring}
	return o.mgr.Add(onLeader(o.fleets.Materials.Run))
}

// setupPush makes the config push service and the CA that it is trusted by.
func (o *operator) setupPush(ctx context.Context) error {
	live, err := client.New(o.mgr.GetConfig(), client.Options{Scheme: o.mgr.GetScheme(), Mapper: o.mgr.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	log := o.mgr.GetLogger()
	authority, err := o.authorityOptions(live, log.WithName("pki"))
	if err != nil {
		return err
	}
	o.authority = pki.New(authority)
	o.fleets.Tickets = tickets.New(tickets.Options{
		Secrets: live, Namespace: o.Namespace, Changed: o.fleets.ringAll, Log: log.WithName("tickets"),
	})
	server, err := publish.NewServer(publish.Options{
		Book: o.fleets.Book, Tokens: authn.New(live, authn.Audience), Account: o.account,
		TLS: o.authority.TLSConfig(), Metrics: metrics.Registry, Log: log.WithName("push"),
	})
	if err != nil {
		return fmt.Errorf("set up config push: %w", err)
	}
	o.fleets.Stale.Ask = server.ObserveFleet
	return errors.Join(
		o.mgr.Add(everywhere(o.authority.Run)),
		o.mgr.Add(everywhere(listening("config push", o.PushBindAddress, server.Run))),
		o.mgr.Add(onLeader(server.Lead)),
		o.mgr.Add(onLeader(o.followCA)),
		o.mgr.Add(onLeader(o.fleets.Stale.Run)),
		o.mgr.Add(onLeader(o.fleets.Tickets.Run)),
		o.setupInspection(server),
	)
}

// setupInspection makes the interface by which people learn what the proxies saw,
// unless there is to be none. Every replica serves it: one that does not lead
// has no proxies to ask, and says so.
func (o *operator) setupInspection(asker observe.Asker) error {
	switch {
	case o.InspectBindAddress == "":
		return nil
	case !kubernetes.Loopback(o.InspectBindAddress):
		return fmt.Errorf("serve --inspect-bind-address: %s is not on loopback, and whoever reaches it may read", o.InspectBindAddress)
	}
	return o.mgr.Add(everywhere(listening("inspection", o.InspectBindAddress, func(ctx context.Context, ln net.Listener) error {
		return observe.Serve(ctx, ln, asker)
	})))
}

// listening is to listen on a TCP address and serve there.
func listening(what, address string, serve func(context.Context, net.Listener) error) func(context.Context) error {
	return func(ctx context.Context) error {
		var lc net.ListenConfig
		ln, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", what, err)
		}
		return serve(ctx, ln)
	}
}

// account is the service account that a fleet's proxies must prove to be.
func (o *operator) account(ctx context.Context, key types.NamespacedName) (string, bool, error) {
	err := o.mgr.GetClient().Get(ctx, key, &v1alpha1.ProxyFleet{})
	return fleet.Name(key.Name), err == nil, client.IgnoreNotFound(err)
}

// followCA applies every fleet again when proxies must learn of another CA, and
// has the API server told of it.
func (o *operator) followCA(ctx context.Context) error {
	for {
		changed := o.authority.Changed()
		if o.caChanged != nil {
			o.caChanged.Ring(webhook.Key())
		}
		var fleets v1alpha1.ProxyFleetList
		if err := o.mgr.GetClient().List(ctx, &fleets); err != nil && ctx.Err() == nil {
			return fmt.Errorf("list fleets: %w", err)
		}
		for i := range fleets.Items {
			o.fleets.RuntimeChanged.Ring(client.ObjectKeyFromObject(&fleets.Items[i]))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// setupNamerd makes the interface for namerd's clients, if it is asked for.
func (o *operator) setupNamerd(context.Context) error {
	if o.NamerdBindAddress == "" {
		return nil
	}
	options := kubernetes.Options{
		Cluster: o.mgr.GetConfig(), Informers: o.mgr.GetCache(), Namespace: o.NamerdNamespace,
		Address: o.NamerdBindAddress, Namers: o.mounts, Metrics: metrics.Registry,
		Log: slog.New(logr.ToSlogHandler(o.mgr.GetLogger().WithName("namerd"))),
	}
	if o.namerdTakesTLS() {
		options.TLS = o.authority.TLSConfig()
	}
	api, err := kubernetes.New(options)
	if err != nil {
		return fmt.Errorf("serve --namerd-bind-address: %w", err)
	}
	return o.mgr.Add(everywhere(api.Run))
}

// setupRuntime makes what fleets run as.
func (o *operator) setupRuntime(context.Context) error {
	live, cached, log := o.mgr.GetAPIReader(), o.mgr.GetClient(), o.mgr.GetLogger().WithName("fleet")
	switch o.Runtime {
	case RuntimeDeployment:
		o.fleets.Runtime = deployment.New(cached, live, deployment.Options{Image: o.ProxyImage, Controller: o.PushAddress}, o.authority.Bundle, log)
		return nil
	case RuntimeProcess:
	default:
		return fmt.Errorf("--runtime: %q is neither %s nor %s", o.Runtime, RuntimeDeployment, RuntimeProcess)
	}
	options, err := o.processOptions()
	if err != nil {
		return err
	}
	runtime := process.New(options, process.NewServiceAccounts(cached, live), o.authority.Bundle, o.fleets.RuntimeChanged.Ring, log)
	o.fleets.Runtime = runtime
	return o.mgr.Add(onLeader(runtime.Start))
}

func (o *operator) processOptions() (process.Options, error) {
	options := process.Options{Binary: o.ProxyBinary, Dir: o.StateDir, Controller: o.PushAddress, Bind: o.ProxyBind}
	if options.Dir == "" {
		return options, errors.New("proxies that run as processes need a directory for their files")
	}
	if options.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return options, fmt.Errorf("find wye-proxy: %w", err)
		}
		options.Binary = filepath.Join(filepath.Dir(self), "wye-proxy")
	}
	return options, nil
}

// register hands everything that runs to the manager.
func (o *operator) register(context.Context) error {
	var owned []client.Object
	if o.Runtime == RuntimeDeployment {
		owned = append(deployment.Owned(), &corev1.Pod{})
	}
	errs := []error{o.fleets.SetupWithManager(o.mgr, owned...), o.dtabs.SetupWithManager(o.mgr)}
	for _, n := range o.namers {
		errs = append(errs, o.mgr.Add(n))
	}
	return errors.Join(errs...)
}

// runnable runs on every replica, or on the leader only.
type runnable struct {
	run        func(context.Context) error
	leaderOnly bool
}

func everywhere(run func(context.Context) error) manager.Runnable { return runnable{run: run} }
func onLeader(run func(context.Context) error) manager.Runnable   { return runnable{run, true} }

func (r runnable) Start(ctx context.Context) error { return r.run(ctx) }
func (r runnable) NeedLeaderElection() bool        { return r.leaderOnly }

// parseKey is the reverse of types.NamespacedName's String.
func parseKey(text string) types.NamespacedName {
	namespace, name, _ := strings.Cut(text, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}
