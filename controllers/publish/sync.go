// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"errors"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// Sync serves one proxy's session. The proxy is authenticated once, when it
// begins: a session outlives its token, and ends with its fleet.
func (s *Server) Sync(stream pushv1.ConfigPush_SyncServer) error {
	until, err := s.gate.pass()
	if err != nil {
		return err
	}
	hello, err := s.admit(stream)
	if err != nil {
		return err
	}
	vouch(stream.Context())
	// The header tells the proxy that it is in, which may be long before there
	// is something to send.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	session := s.Book.join(hello)
	defer s.Book.leave(session)
	log := s.Log.WithValues("fleet", session.fleet.String(), "pod", session.pod)
	log.V(1).Info("proxy connected", "version", session.version, "holds", session.held)
	err = s.serve(stream, session, until)
	log.V(1).Info("proxy gone", "reason", status.Convert(err).Message())
	return err
}

// serve moves messages out and in until one side ends the session. A stream
// to a proxy that does not read blocks its sender; therefore sending and
// receiving have goroutines of their own, which end as soon as serve returns,
// because gRPC then ends the stream.
func (s *Server) serve(stream pushv1.ConfigPush_SyncServer, session *session, until <-chan struct{}) error {
	over := make(chan error, 2)
	go func() { over <- s.send(stream, session) }()
	go func() { over <- s.receive(stream, session) }()
	select {
	case err := <-over:
		return err
	case <-session.ended:
		return session.reason
	case <-until:
		return errNotLeading
	}
}

// send sends updates and questions as the book has them.
func (s *Server) send(stream pushv1.ConfigPush_SyncServer, session *session) error {
	for {
		select {
		case <-session.woken:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
		for message := s.Book.next(session); message != nil; message = s.Book.next(session) {
			if err := s.sendOne(stream, session, message); err != nil {
				return err
			}
		}
	}
}

func (s *Server) sendOne(stream pushv1.ConfigPush_SyncServer, session *session, message *pushv1.Update) error {
	err := stream.Send(message)
	if status.Code(err) == codes.ResourceExhausted {
		s.Log.Error(err, "config is too large to send", "fleet", session.fleet.String(), "limit", pushv1.MaxConfig)
	}
	if err == nil && message.GetReportRequest() == nil {
		s.metrics.pushes.Inc()
	}
	return err
}

// receive takes acks and reports until the proxy ends the session.
func (s *Server) receive(stream pushv1.ConfigPush_SyncServer, session *session) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.take(session, request); err != nil {
			return err
		}
	}
}

// take handles one message of a session. Messages that this version does not
// know are passed over.
func (s *Server) take(session *session, request *pushv1.SyncRequest) error {
	switch m := request.GetMessage().(type) {
	case *pushv1.SyncRequest_Hello:
		return status.Error(codes.InvalidArgument, "a second hello")
	case *pushv1.SyncRequest_Ack:
		took, confirmed, err := s.Book.acknowledge(session, m.Ack)
		if confirmed {
			s.metrics.took.Observe(took.Seconds())
		}
		return err
	case *pushv1.SyncRequest_Report:
		s.Book.report(session, m.Report)
	}
	return nil
}
