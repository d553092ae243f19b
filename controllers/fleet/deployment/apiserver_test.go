// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// server starts the API server that the tests of this package share, when the
// first of them asks for it.
var server = sync.OnceValues(func() (*envtest.Environment, error) {
	env := &envtest.Environment{}
	_, err := env.Start()
	return env, err
})

// startedServer is what TestMain has to stop.
var startedServer atomic.Pointer[envtest.Environment]

func TestMain(m *testing.M) {
	code := m.Run()
	if env := startedServer.Load(); env != nil {
		if err := env.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stop the kube-apiserver: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// testCluster is a Runtime over a cache of the API server, in a namespace of its own.
type testCluster struct {
	*Runtime
	t         *testing.T
	client    client.Client // as the runtime's
	live      client.Client // without a cache
	namespace string
	patches   atomic.Int64 // sent by the runtime
}

func newTestCluster(t *testing.T) *testCluster {
	t.Helper()
	env, err := server()
	startedServer.Store(env)
	if err != nil {
		t.Fatalf("start a kube-apiserver: %v\n(KUBEBUILDER_ASSETS must be a folder with etcd and kube-apiserver)", err)
	}
	c := &testCluster{t: t}
	config := rest.CopyConfig(env.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPatch {
				c.patches.Add(1)
			}
			return next.RoundTrip(req)
		})
	})
	cached, err := cluster.New(config, func(o *cluster.Options) { o.Scheme = scheme.Scheme })
	if err != nil {
		t.Fatal(err)
	}
	if c.live, err = client.New(env.Config, client.Options{Scheme: scheme.Scheme}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- cached.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("cache: %v", err)
		}
	})
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "fleet-",
		Labels:       map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := c.live.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	c.namespace, c.client = ns.Name, cached.GetClient()
	ca := func() []byte { return []byte("PEM\n") }
	c.Runtime = New(c.client, cached.GetAPIReader(), testOptions(), ca, logr.Discard())
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func (c *testCluster) fleet(name string, spec v1alpha1.ProxyFleetSpec) *v1alpha1.ProxyFleet {
	return &v1alpha1.ProxyFleet{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name, UID: types.UID("uid-of-" + name)},
		Spec:       spec,
	}
}

// apply applies the fleet until there is nothing left to write, which takes as
// long as the cache needs to show what was written.
func (c *testCluster) apply(f *v1alpha1.ProxyFleet, ports ...int32) {
	c.t.Helper()
	c.eventually("an Apply that writes nothing", func() bool {
		before := c.patches.Load()
		if err := c.Apply(c.t.Context(), f, ports); err != nil {
			c.t.Fatal(err)
		}
		return c.patches.Load() == before
	})
}

// get reads an object from the API server, and fails if there is none.
func (c *testCluster) get(name string, o client.Object) {
	c.t.Helper()
	if err := c.live.Get(c.t.Context(), types.NamespacedName{Namespace: c.namespace, Name: name}, o); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testCluster) gone(name string, o client.Object) bool {
	err := c.live.Get(c.t.Context(), types.NamespacedName{Namespace: c.namespace, Name: name}, o)
	return client.IgnoreNotFound(err) == nil && err != nil
}

func (c *testCluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.After(10 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			c.t.Fatalf("no %s within 10 s", what)
		}
	}
}
