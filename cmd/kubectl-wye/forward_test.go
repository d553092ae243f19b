// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/wye-dev/wye/test/kube"
)

// The leader of a lease is asked by a port-forward to its pod, on the loopback
// port that a controller listens on. The API server is a real one, but for the
// forwarding itself, which takes a kubelet.
func testForwarding(t *testing.T, server *kube.Env) {
	controller, err := url.Parse(startObserved(t, observed{}))
	if err != nil {
		t.Fatal(err)
	}
	apply := server.Kubectl(t.Context(), "apply", "-f", "testdata/forwarded.yaml")
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	kubeconfig := startForwarder(t, server.Config, controller.Host)
	for _, args := range [][]string{{"redis"}, {"redis", "-o", "json"}} {
		args = append([]string{"status", "--namespace=forwarded", "--controller-namespace=forwarded", "--kubeconfig=" + kubeconfig}, args...)
		out, err := exec.CommandContext(t.Context(), "kubectl-wye", args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "No observed shares") || !strings.Contains(string(out), "2026-01-02T03:04:05") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

// startForwarder is the API server of config with a kubelet behind it, on which
// the pod leader-0 has its port 4191 at address. It gives a kubeconfig.
func startForwarder(t *testing.T, config *rest.Config, address string) (kubeconfig string) {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	if proxy.Transport, err = rest.TransportFor(config); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.HandleFunc("/api/v1/namespaces/forwarded/pods/leader-0/portforward", func(w http.ResponseWriter, r *http.Request) {
		serveForward(w, r, address)
	})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "front",
		Contexts:       map[string]*clientcmdapi.Context{"front": {Cluster: "front"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"front": {Server: front.URL}},
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// serveForward does a kubelet's part of a port-forward by SPDY: a stream for data
// and one for an error for each connection.
func serveForward(w http.ResponseWriter, r *http.Request, address string) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return // a WebSocket, which the client does without if need be
	}
	var forwarding sync.WaitGroup
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		switch {
		case s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError:
			forwarding.Go(func() { _ = s.Close() })
		case s.Headers().Get(corev1.PortHeader) == "4191":
			forwarding.Go(func() { forwardOne(s, address) })
		}
		return nil
	})
	if conn != nil {
		<-conn.CloseChan()
		forwarding.Wait()
	}
}

func forwardOne(s httpstream.Stream, address string) {
	defer s.Close()
	backend, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(s, backend) })
	_, _ = io.Copy(backend, s)
	backend.Close()
	back.Wait()
}
