// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package k8s

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/test/kube"
)

// cluster is a kube-apiserver, and a table with the namer over a cache of it.
type cluster struct {
	client.Client
	t     *testing.T
	table *namer.Table
	rang  chan struct{}
}

// startCluster starts a kube-apiserver for the time of the test.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	env, err := kube.Start(t.Context(), kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the kube-apiserver: %v", err)
		}
	})
	c := &cluster{t: t, rang: make(chan struct{}, 1)}
	if c.Client, err = client.New(env.Config, client.Options{Scheme: scheme.Scheme}); err != nil {
		t.Fatal(err)
	}
	c.run(env.Config)
	return c
}

// run starts the cache and the namer, and stops them with the test.
func (c *cluster) run(config *rest.Config) {
	objects, err := cache.New(config, cache.Options{Scheme: scheme.Scheme, DefaultTransform: Strip})
	if err != nil {
		c.t.Fatal(err)
	}
	n := New(Options{Informers: objects})
	c.table, err = namer.NewTable(func(string) {
		select {
		case c.rang <- struct{}{}:
		default:
		}
	}, n.Mount())
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	ended := make(chan error, 2)
	go func() { ended <- objects.Start(ctx) }()
	go func() { ended <- n.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			if err := <-ended; err != nil {
				c.t.Error(err)
			}
		}
	})
}

// do fails the test on an error.
func (c *cluster) do(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// expect waits until a name is as wanted.
func (c *cluster) expect(want string, segments ...string) {
	c.t.Helper()
	path := append(dtab.Path{"#", "io.l5d.k8s"}, segments...)
	c.table.Want(want, []dtab.Path{path})
	deadline := time.After(10 * time.Second)
	for {
		state, ok := c.table.View().State(path)
		if ok && show(state) == want {
			return
		}
		select {
		case <-c.rang:
		case <-deadline:
			c.t.Fatalf("%v: known %v, %s; want %s", segments, ok, show(state), want)
		}
	}
}

func TestAgainstAPIServer(t *testing.T) {
	c, ctx := startCluster(t), t.Context()
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "redis"}}
	}
	service := &corev1.Service{ObjectMeta: meta("redis"), Spec: corev1.ServiceSpec{
		ClusterIP: corev1.ClusterIPNone, // headless, and without a selector
		Ports: []corev1.ServicePort{
			{Name: "redis", Port: 6379},
			{Name: "admin", Port: 80, TargetPort: intstr.FromString("http")},
		},
	}}
	endpoints := &discoveryv1.EndpointSlice{
		ObjectMeta: meta("redis-4"), AddressType: discoveryv1.AddressTypeIPv4,
		Ports: []discoveryv1.EndpointPort{slicePort("redis", 6379), slicePort("admin", 8080)}, Endpoints: ready("10.0.0.1"),
	}
	endpoints6 := &discoveryv1.EndpointSlice{
		ObjectMeta: meta("redis-6"), AddressType: discoveryv1.AddressTypeIPv6,
		Ports: []discoveryv1.EndpointPort{slicePort("redis", 6379)}, Endpoints: ready("fd00::1"),
	}

	c.expect("neg", "default", "6379", "redis")
	c.do(c.Create(ctx, service))
	c.expect("bound", "default", "6379", "redis")
	c.expect("neg", "default", "redis", "redis")
	c.expect("neg", "default", "80", "redis")

	c.do(c.Create(ctx, endpoints))
	c.do(c.Create(ctx, endpoints6))
	c.expect("bound 10.0.0.1:6379@n1 [fd00::1]:6379@n1", "Default", "REDIS", "redis")
	c.expect("bound 10.0.0.1:6379@n1 [fd00::1]:6379@n1", "default", "6379", "redis", "residual")
	c.expect("bound 10.0.0.1:8080@n1", "default", "80", "redis")
	c.expect("neg", "default", "8080", "redis")

	endpoints.Endpoints = append(endpoints.Endpoints, ready("10.0.0.2")...)
	endpoints.Endpoints[0].Conditions = discoveryv1.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}
	c.do(c.Update(ctx, endpoints))
	c.expect("bound 10.0.0.2:8080@n1", "default", "admin", "redis")

	endpoints.Endpoints[1].Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "north"}}}
	c.do(c.Update(ctx, endpoints))
	c.expect("bound 10.0.0.2:8080@n1[north]", "default", "admin", "redis")

	service.Spec.Ports = service.Spec.Ports[:1]
	c.do(c.Update(ctx, service))
	c.expect("neg", "default", "80", "redis")

	c.do(c.Delete(ctx, endpoints))
	c.expect("bound [fd00::1]:6379@n1", "default", "redis", "redis")
	c.do(c.Delete(ctx, endpoints6))
	c.expect("neg", "default", "redis", "redis")
	c.expect("bound", "default", "6379", "redis")
	c.do(c.Delete(ctx, service))
	c.expect("neg", "default", "6379", "redis")
}
