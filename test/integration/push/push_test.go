// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package push tests config push with what a real API server contributes to it:
// the tokens that proxies prove themselves with, and the Secret of the CA.
package push

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/publish"
	"github.com/wye-dev/wye/controllers/publish/authn"
	"github.com/wye-dev/wye/controllers/publish/pki"
	"github.com/wye-dev/wye/test/kube"
)

// patience is how long the tests wait for what must happen.
const patience = 30 * time.Second

func TestConfigPushOnARealAPIServer(t *testing.T) {
	env, err := kube.Start(t.Context(), kube.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, env.Stop()) })
	admin, err := client.New(env.Config, client.Options{})
	must(t, err)
	for _, namespace := range []string{"shop", "wye-system"} {
		must(t, admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	}
	for _, account := range []string{"wye-edge", "wye-other"} {
		must(t, admin.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: account}}))
	}
	t.Run("Tokens", func(t *testing.T) { testTokens(t, admin) })
	t.Run("ReplicasShareOneCA", func(t *testing.T) { testReplicas(t, admin) })
	t.Run("Session", func(t *testing.T) { testSession(t, admin) })
}

// token asks for a token of a service account in namespace shop, bound to a pod
// if there is one.
func token(t *testing.T, admin client.Client, account, audience string, pod *corev1.Pod) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}}}
	if pod != nil {
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{
			Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID,
		}
	}
	of := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: account}}
	must(t, admin.SubResource("token").Create(t.Context(), of, request))
	return request.Status.Token
}

func newPod(t *testing.T, admin client.Client, name string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: corev1.PodSpec{
			ServiceAccountName: "wye-edge",
			Containers:         []corev1.Container{{Name: "proxy", Image: "none"}},
		},
	}
	must(t, admin.Create(t.Context(), pod))
	return pod
}

func testTokens(t *testing.T, admin client.Client) {
	pod := newPod(t, admin, "edge-0")
	gone := newPod(t, admin, "edge-gone")
	ofGone := token(t, admin, "wye-edge", authn.Audience, gone)
	must(t, admin.Delete(t.Context(), gone, client.GracePeriodSeconds(0)))
	for _, test := range []struct {
		reason string
		token  string
		want   authn.Identity
		valid  bool
	}{
		{
			"of a pod", token(t, admin, "wye-edge", authn.Audience, pod),
			authn.Identity{Namespace: "shop", ServiceAccount: "wye-edge", Pod: "edge-0"},
			true,
		},
		{
			"of no pod", token(t, admin, "wye-edge", authn.Audience, nil),
			authn.Identity{Namespace: "shop", ServiceAccount: "wye-edge"},
			true,
		},
		{"for another audience", token(t, admin, "wye-edge", "someone-else", pod), authn.Identity{}, false},
		{"for the API server", token(t, admin, "wye-edge", "https://kubernetes.default.svc.cluster.local", pod), authn.Identity{}, false},
		{"of a pod that is gone", ofGone, authn.Identity{}, false},
		{"cut short", token(t, admin, "wye-edge", authn.Audience, nil)[:100], authn.Identity{}, false},
		{"no token at all", "hunter2", authn.Identity{}, false},
	} {
		got, err := authn.New(admin, "").Review(t.Context(), test.token)
		if (err == nil) != test.valid || err != nil && !errors.Is(err, authn.ErrInvalid) {
			t.Errorf("a token %s: error %v", test.reason, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("a token %s (-want +got):\n%s", test.reason, diff)
		}
	}
}

// testReplicas lets replicas make the CA all at once, and rotate it all at once.
func testReplicas(t *testing.T, admin client.Client) {
	now := time.Now()
	replicas := make([]*pki.Authority, 6)
	for i := range replicas {
		replicas[i] = pki.New(pki.Options{Secrets: admin, Namespace: "wye-system", Now: func() time.Time { return now }})
	}
	agree := func(reason string) string {
		var group sync.WaitGroup
		for _, a := range replicas {
			group.Go(func() {
				if err := a.Refresh(t.Context()); err != nil {
					t.Errorf("%s: %v", reason, err)
				}
			})
		}
		group.Wait()
		for i, a := range replicas {
			if diff := cmp.Diff(string(replicas[0].Bundle()), string(a.Bundle())); diff != "" {
				t.Errorf("%s: replica %d has another bundle:\n%s", reason, i, diff)
			}
		}
		return string(replicas[0].Bundle())
	}
	first := agree("made")
	if again := agree("read again"); again != first {
		t.Error("a CA was made twice")
	}
	now = now.Add(300 * 24 * time.Hour)
	if rotated := agree("rotated"); rotated == first {
		t.Error("the CA was not rotated")
	}
	must(t, admin.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "wye-system", Name: pki.SecretName}}))
}

// testSession has a proxy with a token of its pod get its fleet's config, and
// nobody else.
func testSession(t *testing.T, admin client.Client) {
	authority := pki.New(pki.Options{Secrets: admin, Namespace: "wye-system"})
	must(t, authority.Refresh(t.Context()))
	book := publish.NewBook(func(types.NamespacedName) {})
	server, err := publish.NewServer(publish.Options{
		Book:   book,
		Tokens: authn.New(admin, ""),
		TLS:    authority.TLSConfig(),
		Account: func(_ context.Context, fleet types.NamespacedName) (string, bool, error) {
			return "wye-" + fleet.Name, fleet.Name == "edge", nil
		},
	})
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { server.Run(ctx, ln) })
	running.Go(func() { server.Lead(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })

	edge := types.NamespacedName{Namespace: "shop", Name: "edge"}
	book.Publish(edge, &pushv1.Config{Listeners: []*pushv1.Listener{{Name: "tcp/6379", Port: 6379}}})
	pod := newPod(t, admin, "edge-1")
	for _, test := range []struct {
		reason string
		token  string
		pod    string
		want   codes.Code
	}{
		{"the pod", token(t, admin, "wye-edge", authn.Audience, pod), "edge-1", codes.OK},
		{"a process", token(t, admin, "wye-edge", authn.Audience, nil), "edge-2", codes.OK},
		{"the pod as another", token(t, admin, "wye-edge", authn.Audience, pod), "edge-2", codes.PermissionDenied},
		{"another fleet's account", token(t, admin, "wye-other", authn.Audience, nil), "edge-1", codes.PermissionDenied},
		{"a token for the API server", token(t, admin, "wye-edge", "https://kubernetes.default.svc.cluster.local", pod), "edge-1", codes.Unauthenticated},
	} {
		update, err := firstUpdate(t, ln.Addr().String(), authority.Bundle(), test.token, test.pod)
		if status.Code(err) != test.want || err == nil && update.GetListeners()[0].GetPort() != 6379 {
			t.Errorf("%s: %v, %v, want %v", test.reason, update, err, test.want)
		}
	}
}

// firstUpdate opens a session as a pod of fleet shop/edge and gives what it
// brings first.
func firstUpdate(t *testing.T, address string, bundle []byte, token, pod string) (*pushv1.Update, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: pki.ServerName})))
	must(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	for {
		stream, err := pushv1.NewConfigPushClient(conn).Sync(ctx)
		must(t, err)
		stream.Send(&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Hello{
			Hello: &pushv1.Hello{Namespace: "shop", Fleet: "edge", Pod: pod},
		}})
		update, err := stream.Recv()
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil { // until the server leads
			return update, err
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
