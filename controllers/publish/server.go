// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"k8s.io/apimachinery/pkg/types"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/publish/authn"
)

const (
	maxRequest     = 4 << 20          // bytes of a hello, ack or report: thousands of refusals
	maxHeader      = 32 << 10         // bytes of a call's metadata, of which the token is most
	maxStreams     = 4                // open at once on one connection
	maxInquiries   = 8                // at once; more wait
	handshakeLimit = 10 * time.Second // for TLS and HTTP/2 to be up
	idleLimit      = 30 * time.Second // of a connection without a stream
	stopLimit      = 5 * time.Second  // for ended sessions to reach their proxies when the server stops
)

// Reviewer tells whose a token is: authn.ErrInvalid for nobody's, any other
// error when that cannot be told now.
type Reviewer interface {
	Review(ctx context.Context, token string) (authn.Identity, error)
}

// Options of a Server.
type Options struct {
	Book   *Book
	Tokens Reviewer
	// Account gives the name of the service account that a fleet's proxies run
	// as, in the fleet's namespace; found is false when there is no such fleet.
	Account func(ctx context.Context, fleet types.NamespacedName) (name string, found bool, err error)
	TLS     *tls.Config
	Metrics prometheus.Registerer // nil for none
	Log     logr.Logger

	// HelloTimeout is the time in which a proxy must prove who it is and say
	// hello. 0 stands for 10 s.
	HelloTimeout time.Duration
	// PingEvery is how long a connection may be silent before the server asks
	// whether its proxy is there; 0 stands for 15 s, less than 1 s for 1 s.
	PingEvery time.Duration
	// PingTimeout is how long the answer may take before the connection counts
	// as dead; 0 stands for 25 s. A proxy that is stopped (SIGSTOP) is therefore
	// listed as connected, and lagging once something changes, for 25 to 40 s.
	PingTimeout time.Duration
	// MaxStrangers bounds the connections open at once on which nobody has proved
	// yet who they are; more are closed at once. 0 stands for 512.
	MaxStrangers int
	// ReportTimeout is how long proxies may take to answer a question. 0 stands for 1 s.
	ReportTimeout time.Duration
}

// Server serves the ConfigPush service out of a Book.
type Server struct {
	pushv1.UnimplementedConfigPushServer

	Options
	metrics   *metrics
	gate      gate
	inquiring chan struct{} // has a token for each call of Observe that asks
}

// NewServer makes a server and registers its metrics. It turns every proxy away
// until it leads.
func NewServer(o Options) (*Server, error) {
	o.HelloTimeout = cmp.Or(o.HelloTimeout, 10*time.Second)
	o.PingEvery = cmp.Or(o.PingEvery, 15*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 25*time.Second)
	o.MaxStrangers = cmp.Or(o.MaxStrangers, 512)
	o.ReportTimeout = cmp.Or(o.ReportTimeout, time.Second)
	s := &Server{Options: o, metrics: newMetrics(), inquiring: make(chan struct{}, maxInquiries)}
	if o.Metrics == nil {
		return s, nil
	}
	if err := s.metrics.register(o.Metrics, o.Book); err != nil {
		return nil, err
	}
	return s, nil
}

// Lead lets proxies in until ctx ends, and then ends their sessions with
// Unavailable. Whoever leads calls it once what it publishes has settled.
func (s *Server) Lead(ctx context.Context) error {
	if !s.gate.open() {
		return errors.New("lead: the server leads already")
	}
	<-ctx.Done()
	s.gate.shut()
	return nil
}

// Run serves connections from ln until ctx ends. It closes ln. Every replica of
// the controller runs it; all but the leader answer Unavailable.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	g := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(s.TLS)),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(pushv1.MaxConfig),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeLimit),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: idleLimit,
			Time:              s.PingEvery,
			Timeout:           s.PingTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             5 * time.Second,
			PermitWithoutStream: true,
		}),
	)
	pushv1.RegisterConfigPushServer(g, s)
	served := make(chan error, 1)
	go func() { served <- g.Serve(newDoor(ln, int64(s.MaxStrangers))) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve config push: %w", err)
	case <-ctx.Done():
	}
	s.gate.shut()
	kill := time.AfterFunc(stopLimit, g.Stop)
	defer kill.Stop()
	g.GracefulStop()
	<-served
	return nil
}
