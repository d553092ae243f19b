// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pushtest is a controller for tests of the proxy: the ConfigPush
// service over real TLS on a loopback port, with a certificate authority of its
// own. The test says what is sent and sees what is acknowledged; nothing is ever
// sent that the test did not ask for.
package pushtest

import (
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Patience is how long tests wait for what must happen.
const Patience = 20 * time.Second

// Controller serves ConfigPush.
type Controller struct {
	pushv1.UnimplementedConfigPushServer

	Addr     string        // "HOST:PORT"
	Sessions chan *Session // as they open

	server *grpc.Server

	mu     sync.Mutex
	refuse error  // guarded by mu
	token  string // guarded by mu
}

// Start serves until the test ends or Stop is called. addr is "127.0.0.1:0" or,
// to take an earlier controller's place, its Addr.
func Start(t testing.TB, addr string, authority *Authority) *Controller {
	t.Helper()
	listener := listen(t, addr)
	c := &Controller{
		Addr:     listener.Addr().String(),
		Sessions: make(chan *Session, 16),
		server: grpc.NewServer(
			grpc.Creds(credentials.NewServerTLSFromCert(authority.Leaf(t))),
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}),
		),
	}
	pushv1.RegisterConfigPushServer(c.server, c)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := c.server.Serve(listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(func() {
		c.server.Stop()
		serving.Wait()
	})
	return c
}

// listen tries for a while: an address that was just given up may still be busy.
func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatalf("listen on %s: %v", addr, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// Stop ends the controller and all its sessions.
func (c *Controller) Stop() { c.server.Stop() }

// Refuse has sessions that open from now on end with err; nil takes them again.
func (c *Controller) Refuse(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = err
}

// Want has sessions refused that bear another token.
func (c *Controller) Want(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

// Next waits for a session to open.
func (c *Controller) Next(t testing.TB) *Session {
	t.Helper()
	select {
	case s := <-c.Sessions:
		return s
	case <-time.After(Patience):
		t.Fatal("no proxy connected")
		return nil
	}
}

// Sync implements pushv1.ConfigPushServer.
func (c *Controller) Sync(stream grpc.BidiStreamingServer[pushv1.SyncRequest, pushv1.Update]) error {
	if err := c.admit(stream); err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	s := &Session{
		Hello: first.GetHello(), stream: stream, end: make(chan error, 1),
		acks: make(chan *pushv1.Ack, 1024), reports: make(chan *pushv1.Report, 1024),
	}
	c.Sessions <- s
	return s.run()
}

// admit checks a session as the real controller does.
func (c *Controller) admit(stream grpc.ServerStream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		return c.refuse
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	got := md.Get("authorization")
	if c.token != "" && (len(got) != 1 || got[0] != "Bearer "+c.token) {
		return status.Error(codes.Unauthenticated, "not the token that the test wants")
	}
	return nil
}

// Session is a proxy's stream.
type Session struct {
	Hello *pushv1.Hello

	stream  grpc.BidiStreamingServer[pushv1.SyncRequest, pushv1.Update]
	acks    chan *pushv1.Ack
	reports chan *pushv1.Report
	end     chan error
}

// run takes in acknowledgements and reports until the proxy is gone or End is called.
func (s *Session) run() error {
	gone := make(chan error, 1)
	go func() {
		for {
			m, err := s.stream.Recv()
			if err != nil {
				gone <- err
				return
			}
			if report := m.GetReport(); report != nil {
				s.reports <- report
			} else {
				s.acks <- m.GetAck()
			}
		}
	}()
	select {
	case err := <-gone:
		return err
	case err := <-s.end:
		return err
	}
}

// End ends the session with err.
func (s *Session) End(err error) { s.end <- err }

// Send sends an update.
func (s *Session) Send(t testing.TB, u *pushv1.Update) {
	t.Helper()
	if err := s.stream.Send(u); err != nil {
		t.Fatalf("send generation %d: %v", u.GetGeneration(), err)
	}
}

// Ack waits for the next acknowledgement.
func (s *Session) Ack(t testing.TB) *pushv1.Ack {
	t.Helper()
	select {
	case ack := <-s.acks:
		return ack
	case <-time.After(Patience):
		t.Fatal("no acknowledgement came")
		return nil
	}
}

// Push sends an update and waits for its acknowledgement.
func (s *Session) Push(t testing.TB, u *pushv1.Update) *pushv1.Ack {
	t.Helper()
	s.Send(t, u)
	for {
		if ack := s.Ack(t); ack.GetGeneration() == u.GetGeneration() {
			return ack
		}
	}
}

// Ask asks for a report and waits for it.
func (s *Session) Ask(t testing.TB, question *pushv1.ReportRequest) *pushv1.Report {
	t.Helper()
	s.Send(t, &pushv1.Update{ReportRequest: question})
	select {
	case report := <-s.reports:
		return report
	case <-time.After(Patience):
		t.Fatal("no report came")
		return nil
	}
}
