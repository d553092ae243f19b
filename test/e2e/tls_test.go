//go:build e2e

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/proxy/pushtest"
)

const (
	securePort  = 7475
	secureHost  = "redis.example.com"
	secureLines = 20 // connections that stay, each with a command every secureEvery
	secureEvery = 20 * time.Millisecond
)

// testCertificate: the Secret of a route that ends TLS is replaced, and another route comes
// to its port and goes, while Redis clients in TLS use it, and neither a connection nor a
// command fails.
func (w *world) testCertificate(t *testing.T) {
	authority := pushtest.NewAuthority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	trust := &tls.Config{RootCAs: roots, ServerName: secureHost}

	before := names(w.proxyPods(t))
	w.certify(t, authority)
	route := &v1alpha1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "secure"}}
	route.Spec = v1alpha1.TCPRouteSpec{
		FleetRef: v1alpha1.FleetReference{Name: "redis"}, Port: securePort, Dst: "/svc/redis",
		TLS: &v1alpha1.RouteTLS{CertificateRefs: []v1alpha1.SecretReference{{Name: "redis-tls"}}},
	}
	must(t, w.client.Create(t.Context(), route))
	w.kubectl(t, "wait", "--for=condition=Ready", "--timeout=1m", "tcproute/secure")
	host, _, err := net.SplitHostPort(w.address)
	must(t, err)
	address := net.JoinHostPort(host, fmt.Sprint(securePort))
	until(t, patience, "the Service has the port", func() (bool, any) {
		c, err := tls.Dial("tcp", address, trust)
		if err == nil {
			c.Close()
		}
		return err == nil, err
	})

	l := w.secureLoad(t, address, trust)
	for range 5 {
		now := w.certify(t, authority)
		took := until(t, patience, "every proxy shows the new certificate", func() (bool, any) {
			for _, pod := range w.proxyPods(t) {
				c, err := tls.Dial("tcp", net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(securePort)), trust)
				if err != nil {
					return false, err
				}
				is := c.ConnectionState().PeerCertificates[0]
				c.Close()
				if !is.Equal(now) {
					return false, pod.Name
				}
			}
			return true, nil
		})
		t.Logf("%d proxies show the new certificate after %s", proxies, took.Round(time.Millisecond))
	}
	w.comeAndGo(t, route)
	if asked, failed := l.stop(); len(failed) > 0 {
		t.Errorf("%d of %d commands failed, the first of them: %v", len(failed), asked, failed[0])
	} else {
		t.Logf("none of %d commands failed", asked)
	}

	saved := &corev1.ConfigMap{}
	must(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "wye-redis.config"}, saved))
	for key, data := range saved.BinaryData {
		if bytes.Contains(data, []byte("PRIVATE KEY")) {
			t.Errorf("the saved config has a key in it, under %s", key)
		}
	}
	must(t, w.client.Delete(t.Context(), route))
	w.kubectl(t, "delete", "secret", "redis-tls")
	w.untilConverged(t)
	if after := names(w.proxyPods(t)); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the proxies were %v and are %v", before, after)
	}
}

// comeAndGo has a route by host name share the port of another for a while. It agrees on a
// protocol of its own, by which a client knows that it is there.
func (w *world) comeAndGo(t *testing.T, beside *v1alpha1.TCPRoute) {
	t.Helper()
	const host, protocol = "beside.example.com", "beside"
	route := &v1alpha1.TCPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: protocol}, Spec: *beside.Spec.DeepCopy()}
	route.Spec.Hostnames = []v1alpha1.Hostname{host}
	route.Spec.TLS.ALPNProtocols = []v1alpha1.ALPNProtocol{protocol}
	must(t, w.client.Create(t.Context(), route))
	serves := func(want string) {
		t.Helper()
		until(t, patience, fmt.Sprintf("every proxy agrees with clients of %s on %q", host, want), func() (bool, any) {
			for _, pod := range w.proxyPods(t) {
				// Its certificate is for another name, which is no matter here.
				config := &tls.Config{ServerName: host, NextProtos: []string{protocol}, InsecureSkipVerify: true}
				c, err := tls.Dial("tcp", net.JoinHostPort(pod.Status.PodIP, fmt.Sprint(securePort)), config)
				if err != nil {
					return false, err
				}
				is := c.ConnectionState().NegotiatedProtocol
				c.Close()
				if is != want {
					return false, pod.Name
				}
			}
			return true, nil
		})
	}
	serves(protocol)
	must(t, w.client.Delete(t.Context(), route))
	serves("")
}

// certify puts a new certificate into the Secret.
func (w *world) certify(t *testing.T, authority *pushtest.Authority) *x509.Certificate {
	t.Helper()
	chain, key := authority.Identity(t, secureHost)
	pair, err := tls.X509KeyPair(chain, key)
	must(t, err)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "redis-tls"}}
	err = w.client.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)
	secret.Type, secret.Data = corev1.SecretTypeTLS, map[string][]byte{"tls.crt": chain, "tls.key": key}
	if client.IgnoreNotFound(err) == nil && err != nil {
		must(t, w.client.Create(t.Context(), secret))
	} else {
		must(t, err)
		must(t, w.client.Update(t.Context(), secret))
	}
	return pair.Leaf
}

// secureLoad is commands over connections in TLS: some stay, and one more is made for
// each command of another client.
type secureLoad struct {
	asked  atomic.Int64
	mu     sync.Mutex
	failed []error // guarded by mu
	cancel context.CancelFunc
	lines  sync.WaitGroup
}

func (w *world) secureLoad(t *testing.T, address string, trust *tls.Config) *secureLoad {
	ctx, cancel := context.WithCancel(t.Context())
	l := &secureLoad{cancel: cancel}
	t.Cleanup(cancel)
	newClient := func(dialed *atomic.Int64) *redis.Client {
		dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: trust}
		return redis.NewClient(&redis.Options{
			PoolSize: 1, MaxRetries: -1, DisableIdentity: true, Protocol: 2, DialerRetries: 1,
			Dialer: func(ctx context.Context, network, _ string) (net.Conn, error) {
				dialed.Add(1)
				return dialer.DialContext(ctx, network, address)
			},
		})
	}
	for range secureLines {
		l.lines.Go(func() {
			var dialed atomic.Int64
			c := newClient(&dialed)
			defer c.Close()
			l.every(ctx, func() error {
				if err := c.Ping(ctx).Err(); err != nil {
					return err
				}
				if dialed.Swap(1) > 1 {
					return fmt.Errorf("a connection that was open had ended")
				}
				return nil
			})
		})
	}
	l.lines.Go(func() {
		l.every(ctx, func() error {
			c := newClient(new(atomic.Int64))
			defer c.Close()
			return c.Ping(ctx).Err()
		})
	})
	return l
}

func (l *secureLoad) every(ctx context.Context, ask func() error) {
	tick := time.NewTicker(secureEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := ask(); err != nil && ctx.Err() == nil {
			l.mu.Lock()
			l.failed = append(l.failed, err)
			l.mu.Unlock()
		}
		l.asked.Add(1)
	}
}

func (l *secureLoad) stop() (asked int64, failed []error) {
	l.cancel()
	l.lines.Wait()
	return l.asked.Load(), l.failed
}
