// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// sendTimeout bounds the time in which the controller must take in a message.
const sendTimeout = 10 * time.Second

var errStuck = errors.New("the controller takes no messages")

// session is one stream of updates, from Hello until it breaks.
type session struct {
	client *Client
	stream grpc.BidiStreamingClient[pushv1.SyncRequest, pushv1.Update]
	cancel context.CancelCauseFunc // ends the stream
	taken  bool                    // by the controller
	acked  *pushv1.Ack             // sent last; nil before the first update
}

// turnedAway is the end of a session that a controller answered and did not take
// for now: it does not lead.
type turnedAway struct{ error }

// event is what the stream brought: an update, its end, or, when both are nil,
// word that the controller took the session.
type event struct {
	update *pushv1.Update
	err    error
}

// runSession follows the controller until the stream breaks or ctx ends. It
// always returns an error.
func (c *Client) runSession(ctx context.Context) error {
	conn, err := connect(c.options)
	if err != nil {
		return err
	}
	defer conn.Close()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := pushv1.NewConfigPushClient(conn).Sync(ctx)
	if err != nil {
		return explain(err)
	}
	s := &session{client: c, stream: stream, cancel: cancel}
	return s.run(ctx)
}

func (s *session) run(ctx context.Context) error {
	events := make(chan event)
	var receiver sync.WaitGroup
	receiver.Go(func() { s.receive(ctx, events) })
	defer receiver.Wait()
	defer s.cancel(nil)

	s.client.state = s.client.state.Unbased()
	if err := s.send(&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Hello{Hello: s.client.hello()}}); err != nil {
		return err
	}
	for {
		if err := s.step(ctx, events); err != nil {
			return err
		}
	}
}

// step handles the next thing that happens.
func (s *session) step(ctx context.Context, events <-chan event) error {
	select {
	case e := <-events:
		switch {
		case e.err != nil && !s.taken && status.Code(e.err) == codes.Unavailable:
			return turnedAway{e.err}
		case e.err != nil:
			return explain(e.err)
		}
		s.taken = true
		if e.update == nil {
			s.client.connected()
			return nil
		}
		if question := e.update.GetReportRequest(); question != nil {
			return s.report(question)
		}
		return s.update(e.update)
	case <-s.client.recheck:
		return s.recheck()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// update brings an update into service and confirms it.
func (s *session) update(u *pushv1.Update) error {
	next, err := s.client.state.Next(u)
	if err != nil {
		return fmt.Errorf("update to generation %d: %w", u.GetGeneration(), err)
	}
	s.client.state = next
	s.client.connected()
	refused := s.client.install(next.config, SourceController)
	return s.ack(&pushv1.Ack{Generation: u.GetGeneration(), Refused: refused})
}

// recheck confirms the same generation again if the refusals are other ones
// than the controller knows of.
func (s *session) recheck() error {
	if s.acked == nil {
		return nil
	}
	again := &pushv1.Ack{Generation: s.acked.GetGeneration(), Refused: s.client.options.Plane.Refusals()}
	if proto.Equal(again, s.acked) {
		return nil
	}
	s.client.options.Log.Info("refusals changed", "before", len(s.acked.GetRefused()), "now", len(again.GetRefused()))
	s.client.logRefused(again.GetRefused())
	return s.ack(again)
}

// report answers a question about connections.
func (s *session) report(question *pushv1.ReportRequest) error {
	answer := limited(s.client.options.Plane.Report(question.GetRoutes()), maxReport)
	answer.Id = question.GetId()
	return s.send(&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Report{Report: answer}})
}

func (s *session) ack(a *pushv1.Ack) error {
	s.acked = a
	return s.send(&pushv1.SyncRequest{Message: &pushv1.SyncRequest_Ack{Ack: a}})
}

// send sends one message. A stream that is already broken is no error here:
// receive knows the reason.
func (s *session) send(m *pushv1.SyncRequest) error {
	stuck := time.AfterFunc(sendTimeout, func() { s.cancel(errStuck) })
	defer stuck.Stop()
	if err := s.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		return explain(err)
	}
	return nil
}

// receive passes on what the stream brings, until it or ctx ends.
func (s *session) receive(ctx context.Context, events chan<- event) {
	pass := func(e event) bool {
		select {
		case events <- e:
			return e.err == nil
		case <-ctx.Done():
			return false
		}
	}
	// Headers come when the controller has taken the session, which may be long
	// before it has a config. A refused session has none.
	if header, err := s.stream.Header(); err == nil && header != nil && !pass(event{}) {
		return
	}
	for {
		update, err := s.stream.Recv()
		if !pass(event{update: update, err: err}) {
			return
		}
	}
}

// explain puts the ends of a stream into the words of an operator.
func explain(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the controller ended the session")
	case status.Code(err) == codes.Unauthenticated:
		return fmt.Errorf("the controller did not take this proxy's token: %w", err)
	case status.Code(err) == codes.PermissionDenied:
		return fmt.Errorf("this proxy may not have the fleet's config: %w", err)
	}
	return err
}
