// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Command wye-controller is the operator: it turns Dtabs, TCPRoutes and
// ProxyFleets into running proxies and their config, and reports what is in force.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers"
)

// version is set when a release is built.
var version = "dev"

func main() {
	if err := command().ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "wye-controller:", err)
		if errors.As(err, &usageError{}) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

type usageError struct{ error }

// settings are the flags.
type settings struct {
	controllers.Options
	inspectAddress string
	leaderElect    bool
	metricsAddress string
	metricsSecure  bool
	healthAddress  string
	logLevel       string
	logFormat      string
}

func command() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:   "wye-controller",
		Short: "Run the Wye operator",
		Long: `wye-controller turns Dtabs, TCPRoutes and ProxyFleets into running proxies and
their config, and reports on each object what is really in force.

It finds its cluster as kubectl does: --kubeconfig, $KUBECONFIG, or the pod it runs in.`,
		Example: `  # In a cluster (see config/manager): two replicas, one of them leading.
  wye-controller --leader-elect --proxy-image=wye-proxy:v1

  # On a laptop, with nothing but a kube-apiserver: proxies are child processes.
  wye-controller --runtime=process --proxy-binary=bin/wye-proxy --state-dir=/tmp/wye --fs-root=disco`,
		Args:          cobra.NoArgs,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return run(c.Context(), s) },
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	s.addFlags(c)
	c.Flags().AddGoFlagSet(flag.CommandLine) // controller-runtime's --kubeconfig
	return c
}

func (s *settings) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.Namespace, "namespace", envOr("POD_NAMESPACE", "wye-system"), "`namespace` of the operator itself: its CA and its lease")
	f.StringVar(&s.Runtime, "runtime", controllers.RuntimeDeployment, "what proxies run as: deployment, or process (children of this one)")
	f.StringVar(&s.PushBindAddress, "push-bind-address", ":4190", "`address` on which config push listens")
	f.StringVar(&s.PushAddress, "push-address", "wye-controller.wye-system.svc:4190", "`address` by which proxies reach config push")
	f.StringVar(&s.ProxyImage, "proxy-image", "wye-proxy:latest", "`image` of the proxies, with --runtime=deployment")
	f.StringVar(&s.ProxyBinary, "proxy-binary", "", "`path` of wye-proxy, with --runtime=process (default: beside this program)")
	f.StringVar(&s.StateDir, "state-dir", "", "`directory` for the proxies' files, with --runtime=process (default: a temporary one, removed at the end)")
	f.StringVar(&s.ProxyBind, "proxy-bind", "127.0.0.1", "`address` on which the proxies accept, with --runtime=process")
	f.StringVar(&s.FSRoot, "fs-root", "", "`directory` served as /#/io.l5d.fs (default: none)")
	f.StringVar(&s.NamerdBindAddress, "namerd-bind-address", "", "`address` of namerd's HTTP interface, usually 127.0.0.1:4180; any but a loopback address is served over TLS (default: none)")
	f.StringSliceVar(&s.NamerdServerNames, "namerd-server-names", nil, "further `hosts`, names or addresses, by which clients reach namerd's interface over TLS, besides those of the Service wye-namerd")
	f.StringVar(&s.NamerdNamespace, "namerd-namespace", "default", "`namespace` of the Dtabs that namerd's clients name without one")
	f.StringVar(&s.WebhookBindAddress, "webhook-bind-address", "", "`address` on which the validating webhook listens (default: none)")
	f.StringVar(&s.inspectAddress, "inspect-bind-address", "127.0.0.1:4191", "loopback `address` where kubectl wye status learns what the proxies saw, 0 for none")
	f.BoolVar(&s.leaderElect, "leader-elect", false, "elect a leader among several replicas; without it, run only one")
	f.StringVar(&s.metricsAddress, "metrics-bind-address", "127.0.0.1:8080", "`address` for /metrics, 0 for none")
	f.BoolVar(&s.metricsSecure, "metrics-secure", true, "serve /metrics over TLS to those whom the cluster permits; false is for loopback")
	f.StringVar(&s.healthAddress, "health-probe-bind-address", "127.0.0.1:8081", "`address` for /healthz and /readyz, 0 for none")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info or error")
	f.StringVar(&s.logFormat, "log-format", "json", "json or text")
}

// run is the composition root.
func run(ctx context.Context, s settings) (err error) {
	// 1. Logs.
	log, err := logger(s.logLevel, s.logFormat)
	if err != nil {
		return usageError{err}
	}
	ctrl.SetLogger(log)

	// 2. A place for the proxies' files, which is theirs until the last has ended.
	if s.Runtime == controllers.RuntimeProcess && s.StateDir == "" {
		if s.StateDir, err = os.MkdirTemp("", "wye-proxies-"); err != nil {
			return fmt.Errorf("make a directory for the proxies: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.StateDir)) }()
	}

	// 3. The cluster.
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	mgr, err := manager(config, s)
	if err != nil {
		return err
	}

	// 4. The pipeline.
	if s.inspectAddress != "0" {
		s.InspectBindAddress = s.inspectAddress
	}
	if err := controllers.Setup(ctx, mgr, s.Options); err != nil {
		return err
	}

	// 5. Go.
	log.Info("starting", "version", version, "runtime", s.Runtime)
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

func manager(config *rest.Config, s settings) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	metrics := metricsserver.Options{BindAddress: s.metricsAddress, SecureServing: s.metricsSecure}
	if s.metricsSecure {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                  scheme,
		Cache:                   controllers.CacheOptions(),
		Metrics:                 metrics,
		HealthProbeBindAddress:  s.healthAddress,
		LeaderElection:          s.leaderElect,
		LeaderElectionID:        "wye-controller",
		LeaderElectionNamespace: s.Namespace,
		// The process ends when leadership does, so the lease can be given back.
		LeaderElectionReleaseOnCancel: true,
		GracefulShutdownTimeout:       shutdownTimeout(s.Runtime),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the manager: %w", err)
	}
	if err := errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	); err != nil {
		return nil, fmt.Errorf("set up probes: %w", err)
	}
	return mgr, nil
}

// shutdownTimeout is how long what runs has to end: as children, proxies have
// drain deadlines of their own.
func shutdownTimeout(runtime string) *time.Duration {
	timeout := 30 * time.Second
	if runtime == controllers.RuntimeProcess {
		timeout = -1
	}
	return &timeout
}

func logger(level, format string) (logr.Logger, error) {
	var options slog.HandlerOptions
	var min slog.Level
	if err := min.UnmarshalText([]byte(level)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level: %q is none of debug, info and error", level)
	}
	options.Level = min
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, &options)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, &options)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format: %q is neither json nor text", format)
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
