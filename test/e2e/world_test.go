//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/load"
)

const (
	root       = "../.."
	samples    = root + "/config/samples/demo"
	namespace  = "wye-e2e"
	system     = "wye-system"
	controller = "wye-controller-manager" // the Deployment
	fleet      = "wye-redis"              // the fleet's Deployment, Service and budget
	proxies    = 3
	toRedis1   = "01-redis1.yaml" // the table between the tests

	connections = 50 // that stay
	perSecond   = 50 // new ones
	// perSecondCounted is the rate where new connections are counted. It cannot be
	// much higher: ports that were used stay taken for a minute.
	perSecondCounted = 200
)

// world is an installation of Wye with a fleet and two Redis servers.
type world struct {
	client  client.WithWatch
	command []string // kubectl
	address string   // of the fleet's Service
}

// install makes the world, and has it removed when t ends.
func install(t *testing.T) *world {
	log.SetLogger(logr.Discard()) // of the client library in this process
	begun := time.Now()
	w := &world{command: strings.Fields(os.Getenv("KUBECTL"))}
	if len(w.command) == 0 {
		w.command = []string{"kubectl"}
	}
	w.connect(t)
	w.deploy(t)
	w.createNamespace(t)
	for _, name := range []string{"redis1", "redis2"} {
		w.applyRedis(t, name)
	}
	w.applyTable(t, toRedis1)
	w.kubectl(t, "apply", "-f", "testdata/fleet.yaml")
	for _, name := range []string{"redis1", "redis2"} {
		w.kubectl(t, "rollout", "status", "deployment/"+name, "--timeout=1m")
	}
	w.kubectl(t, "wait", "--for=condition=Ready", "--timeout=1m", "proxyfleet/redis", "tcproute/redis", "dtab/default")
	w.untilConverged(t)

	var service corev1.Service
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: fleet}, &service))
	w.address = net.JoinHostPort(service.Spec.ClusterIP, "7474")
	t.Logf("installed in %s; the fleet is at %s", since(begun), w.address)
	return w
}

func (w *world) connect(t *testing.T) {
	t.Helper()
	cluster, err := config.GetConfig()
	must(t, err)
	cluster.QPS = -1 // no limit on what the tests ask
	scheme := clientgoscheme.Scheme
	must(t, v1alpha1.AddToScheme(scheme))
	w.client, err = client.NewWithWatch(cluster, client.Options{Scheme: scheme})
	must(t, err)
}

func (w *world) deploy(t *testing.T) {
	t.Helper()
	err := w.client.List(t.Context(), &v1alpha1.ProxyFleetList{})
	if err == nil {
		t.Fatal("Wye is installed in this cluster already, and the tests would remove it; see `make undeploy`")
	}
	if !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	cleanup(t, func(ctx context.Context) { w.make(ctx, t, "undeploy") })
	w.make(t.Context(), t, "deploy")
}

// createNamespace makes one in which only restricted pods may run.
func (w *world) createNamespace(t *testing.T) {
	t.Helper()
	n := &corev1.Namespace{}
	n.Name = namespace
	n.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
	must(t, w.client.Create(t.Context(), n))
	cleanup(t, func(ctx context.Context) {
		must(t, w.client.Delete(ctx, n))
		until(t, cleanupWithin, "the namespace is gone", func() (bool, any) {
			err := w.client.Get(ctx, client.ObjectKeyFromObject(n), n)
			return apierrors.IsNotFound(err), n.Status.Conditions
		})
	})
}

// applyRedis makes what is missing of one Redis.
func (w *world) applyRedis(t *testing.T, name string) {
	t.Helper()
	manifest := strings.ReplaceAll(read(t, "testdata/redis.yaml"), "REDIS", name)
	w.kubectlWith(t, manifest, "apply", "-f", "-")
}

// applyTable applies one of the demo's tables. They name Redis by /cluster, which
// stands for a directory of files there, and for the Services of a namespace here.
func (w *world) applyTable(t *testing.T, file string) {
	t.Helper()
	w.kubectlWith(t, w.table(t, file), "apply", "-f", "-")
}

func (w *world) table(t *testing.T, file string) string {
	t.Helper()
	const files, services = "/#/io.l5d.fs", "/#/io.l5d.k8s/" + namespace + "/redis"
	text := read(t, filepath.Join(samples, file))
	if strings.Count(text, files) != 1 {
		t.Fatalf("%s does not name %s once", file, files)
	}
	return strings.Replace(text, files, services, 1)
}

// load starts traffic through the fleet's Service, with so many new connections
// a second. Clients try a command again so often.
func (w *world) load(t *testing.T, rate, retries int) *load.Load {
	t.Helper()
	l := load.Start(t.Context(), load.Options{
		Address: w.address, Steady: connections, Workers: 16, PerSecond: rate, Retries: retries, Key: "e2e",
	})
	t.Cleanup(l.Stop)
	return l
}

// check fails unless every command was answered, and, where nothing ends that
// connections lead through or to, at once.
//
// With a proxy, connections are lost at its drain deadline, and new ones may fail
// for a while: a connection that is busy at the deadline is reset, its client's
// port is free at once, and Linux goes on for 10 s (conntrack's timeout of CLOSE)
// to translate what comes from it to the pod that is gone.
func check(t *testing.T, what string, totals load.Totals, ends bool) {
	t.Helper()
	t.Logf("%s: %s", what, totals)
	if totals.Failed > 0 || !ends && totals.Lost+totals.Refused > 0 {
		t.Errorf("%s: not as it should be", what)
	}
	if totals.Steady == 0 || totals.Fresh == 0 {
		t.Errorf("%s: there was no load", what)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return string(text)
}
