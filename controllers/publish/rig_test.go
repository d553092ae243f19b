// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/publish/authn"
	"github.com/wye-dev/wye/controllers/publish/pki"
)

// patience is how long tests wait for what must happen.
const patience = 30 * time.Second

// rig is a server on loopback, with TLS, that leads.
type rig struct {
	book     *Book
	server   *Server
	registry *prometheus.Registry
	address  string
	roots    *x509.CertPool
	changed  chan struct{} // has a token after progress changed
	depose   func()        // ends leadership and waits for Lead to return
	stop     func() error  // ends the server and waits for Run to return
}

// tokens are those that a test's API server vouches for.
type tokens map[string]authn.Identity // token -> identity

func (t tokens) Review(_ context.Context, token string) (authn.Identity, error) {
	if token == "no-answer" {
		return authn.Identity{}, errors.New("the API server is away")
	}
	identity, ok := t[token]
	if !ok {
		return authn.Identity{}, authn.ErrInvalid
	}
	return identity, nil
}

var known = tokens{
	"edge":       {Namespace: "shop", ServiceAccount: "wye-edge"},
	"edge-0":     {Namespace: "shop", ServiceAccount: "wye-edge", Pod: "edge-0"},
	"other":      {Namespace: "shop", ServiceAccount: "wye-other"},
	"other-shop": {Namespace: "garage", ServiceAccount: "wye-edge"},
}

// accounts knows the fleets shop/edge and shop/other.
func accounts(_ context.Context, fleet types.NamespacedName) (string, bool, error) {
	switch fleet.String() {
	case "shop/edge", "shop/other":
		return "wye-" + fleet.Name, true, nil
	case "shop/unclear":
		return "", false, errors.New("the cache is away")
	}
	return "", false, nil
}

func newRig(t testing.TB, adjust func(*Options)) *rig {
	t.Helper()
	r := &rig{changed: make(chan struct{}, 1), registry: prometheus.NewRegistry(), roots: x509.NewCertPool()}
	r.book = NewBook(func(types.NamespacedName) {
		select {
		case r.changed <- struct{}{}:
		default:
		}
	})
	ca := pki.New(pki.Options{Secrets: fake.NewClientBuilder().Build(), Namespace: "wye-system"})
	must(t, ca.Refresh(t.Context()))
	r.roots.AppendCertsFromPEM(ca.Bundle())
	o := Options{Book: r.book, Tokens: known, Account: accounts, TLS: ca.TLSConfig(), Metrics: r.registry}
	if adjust != nil {
		adjust(&o)
	}
	var err error
	r.server, err = NewServer(o)
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r.address = ln.Addr().String()
	r.stop = start(t, func(ctx context.Context) error { return r.server.Run(ctx, ln) })
	r.lead(t)
	return r
}

// lead makes the server the leader, until depose.
func (r *rig) lead(t testing.TB) {
	end := start(t, r.server.Lead)
	r.depose = func() { must(t, end()) }
	await(t, "the gate opens", nil, func() bool {
		_, err := r.server.gate.pass()
		return err == nil
	})
}

// start runs a component; end stops it and gives its error.
func start(t testing.TB, run func(context.Context) error) (end func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	ended := false
	end = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("the component does not end")
		}
	}
	t.Cleanup(func() { must(t, end()) })
	return end
}

// await waits until a condition holds, looking again after each signal and
// otherwise every few milliseconds.
func await(t testing.TB, what string, signal <-chan struct{}, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-signal:
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// acked waits until a number of proxies have confirmed a generation.
func (r *rig) acked(t testing.TB, proxies int, generation uint64) {
	t.Helper()
	await(t, "proxies confirm the generation", r.changed, func() bool {
		n := 0
		for _, p := range r.book.Progress(edge).Proxies {
			if p.Acked == generation {
				n++
			}
		}
		return n == proxies
	})
}

// testProxy is a proxy's end of a session.
type testProxy struct {
	*mirror
	stream pushv1.ConfigPush_SyncClient
	close  func()
}

// dial opens a stream with a token, by way of a dialer if there is one, and sends
// a hello if there is one.
func (r *rig) dial(t testing.TB, token string, hello *pushv1.Hello, dialer func(context.Context, string) (net.Conn, error)) *testProxy {
	t.Helper()
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: r.roots, ServerName: pki.ServerName})),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(pushv1.MaxConfig)),
	}
	if dialer != nil {
		options = append(options, grpc.WithContextDialer(dialer))
	}
	conn, err := grpc.NewClient("passthrough:///"+r.address, options...)
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	stream, err := pushv1.NewConfigPushClient(conn).Sync(ctx)
	must(t, err)
	p := &testProxy{mirror: newMirror(), stream: stream, close: func() { cancel(); conn.Close() }}
	t.Cleanup(p.close)
	if hello != nil {
		p.send(t, &pushv1.SyncRequest{Message: &pushv1.SyncRequest_Hello{Hello: hello}})
	}
	return p
}

// connect opens the session of a pod of fleet edge.
func (r *rig) connect(t testing.TB, pod string) *testProxy {
	t.Helper()
	return r.dial(t, "edge", hello(pod), nil)
}

// send sends a message. A session that is over already shows when receiving.
func (p *testProxy) send(t testing.TB, m *pushv1.SyncRequest) {
	t.Helper()
	if err := p.stream.Send(m); err != nil && status.Code(err) == codes.Unknown {
		t.Logf("send: %v", err)
	}
}

// receive takes the next update, within patience.
func (p *testProxy) receive(t testing.TB) *pushv1.Update {
	t.Helper()
	u, err := p.await()
	must(t, err)
	p.apply(u)
	return u
}

func (p *testProxy) ack(t testing.TB, refused ...*pushv1.Refusal) {
	t.Helper()
	p.send(t, &pushv1.SyncRequest{Message: &pushv1.SyncRequest_Ack{
		Ack: &pushv1.Ack{Generation: p.generation, Refused: refused},
	}})
}

// ends waits for the end of the session, and gives its status.
func (p *testProxy) ends(t testing.TB) *status.Status {
	t.Helper()
	for {
		if _, err := p.await(); err != nil {
			return status.Convert(err)
		}
	}
}

func (p *testProxy) await() (*pushv1.Update, error) {
	timer := time.AfterFunc(patience, p.close)
	defer timer.Stop()
	return p.stream.Recv()
}

// follow applies and acks updates until the session ends.
func (p *testProxy) follow() {
	for {
		u, err := p.stream.Recv()
		if err != nil {
			return
		}
		p.apply(u)
		if p.stream.Send(&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Ack{
			Ack: &pushv1.Ack{Generation: u.GetGeneration()},
		}}) != nil {
			return
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
