// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/controllers/publish/pki"
)

// rig is a webhook that runs, with a CA of its own on a clock that is set.
type rig struct {
	t         *testing.T
	url       string
	authority *pki.Authority

	mu  sync.Mutex
	now time.Time
}

const serverName = ServiceName + ".wye-system.svc"

func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, now: time.Now()}
	g.authority = pki.New(pki.Options{
		Secrets: fake.NewClientBuilder().Build(), Namespace: "wye-system", Names: []string{serverName}, Now: g.time,
	})
	must(t, g.authority.Refresh(t.Context()))
	o := Options{Scheme: scheme(t), TLS: g.authority.TLSConfig()}
	server, err := NewServer(o)
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	g.url = "https://" + ln.Addr().String()
	start(t, server, ln)
	return g
}

// start runs a server until the test ends, or what it returns is called.
func start(t *testing.T, server *Server, ln net.Listener) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, ln) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (g *rig) time() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func (g *rig) pass(d time.Duration) {
	g.mu.Lock()
	g.now = g.now.Add(d)
	g.mu.Unlock()
	must(g.t, g.authority.Refresh(g.t.Context()))
}

// client trusts a bundle, as the API server does.
func (g *rig) client(bundle []byte) *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: serverName, Time: g.time},
		DisableKeepAlives: true,
	}
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// post sends a body to a path and gives the verdict.
func (g *rig) post(path string, body io.Reader) *admissionv1.AdmissionResponse {
	g.t.Helper()
	response, err := g.client(g.authority.Bundle()).Post(g.url+path, "application/json", body)
	must(g.t, err)
	defer response.Body.Close()
	var review admissionv1.AdmissionReview
	must(g.t, json.NewDecoder(response.Body).Decode(&review))
	return review.Response
}

// review asks for a verdict on an operation: old is nil on a create, o on a delete.
func (g *rig) review(path string, operation admissionv1.Operation, old, o client.Object) *admissionv1.AdmissionResponse {
	g.t.Helper()
	request := &admissionv1.AdmissionRequest{UID: types.UID("of-the-request"), Operation: operation}
	request.Object, request.OldObject = raw(g.t, o), raw(g.t, old)
	review := admissionv1.AdmissionReview{Request: request}
	review.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("AdmissionReview"))
	body, err := json.Marshal(review)
	must(g.t, err)
	response := g.post(path, bytes.NewReader(body))
	if response.UID != request.UID {
		g.t.Errorf("the verdict is on request %q", response.UID)
	}
	return response
}

func raw(t *testing.T, o client.Object) runtime.RawExtension {
	if o == nil {
		return runtime.RawExtension{}
	}
	kinds, _, err := scheme(t).ObjectKinds(o)
	must(t, err)
	o = o.DeepCopyObject().(client.Object)
	o.GetObjectKind().SetGroupVersionKind(kinds[0])
	text, err := json.Marshal(o)
	must(t, err)
	return runtime.RawExtension{Raw: text}
}

func scheme(t testing.TB) *runtime.Scheme {
	s := runtime.NewScheme()
	must(t, v1alpha1.AddToScheme(s))
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
