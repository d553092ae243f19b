// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/controllers/publish/authn"
)

// admit authenticates a proxy, awaits its hello and holds one against the other.
func (s *Server) admit(stream pushv1.ConfigPush_SyncServer) (*pushv1.Hello, error) {
	ctx, cancel := context.WithTimeout(stream.Context(), s.HelloTimeout)
	defer cancel()
	identity, err := s.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	hello, err := awaitHello(ctx, stream)
	if err != nil {
		return nil, s.deny(denyHello, err)
	}
	if err := s.authorize(ctx, identity, hello); err != nil {
		s.Log.Info("proxy refused", "fleet", hello.GetNamespace()+"/"+hello.GetFleet(), "pod", hello.GetPod(),
			"reason", status.Convert(err).Message())
		return nil, err
	}
	return hello, nil
}

// authenticate tells who calls, by the bearer token in the call's metadata.
func (s *Server) authenticate(ctx context.Context) (authn.Identity, error) {
	token, ok := bearer(ctx)
	if !ok {
		return authn.Identity{}, s.deny(denyNoToken, status.Error(codes.Unauthenticated,
			"no bearer token in the authorization header"))
	}
	identity, err := s.Tokens.Review(ctx, token)
	switch {
	case errors.Is(err, authn.ErrInvalid):
		return authn.Identity{}, s.deny(denyToken, status.Error(codes.Unauthenticated, err.Error()))
	case err != nil:
		s.Log.Error(err, "token review")
		return authn.Identity{}, s.deny(denyReview, status.Error(codes.Unavailable, "the token cannot be reviewed now"))
	}
	return identity, nil
}

// bearer gives the token of a call (RFC 6750, section 2.1).
func bearer(ctx context.Context) (token string, ok bool) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return token, ok && strings.EqualFold(scheme, "bearer") && token != ""
}

// awaitHello waits for the first message, which must be a hello with proper names.
func awaitHello(ctx context.Context, stream pushv1.ConfigPush_SyncServer) (*pushv1.Hello, error) {
	type message struct {
		request *pushv1.SyncRequest
		err     error
	}
	first := make(chan message, 1)
	go func() { // ends with the stream at the latest
		request, err := stream.Recv()
		first <- message{request, err}
	}()
	select {
	case <-ctx.Done():
		return nil, status.Error(codes.DeadlineExceeded, "no hello came in time")
	case m := <-first:
		if m.err != nil {
			return nil, m.err
		}
		return checkHello(m.request)
	}
}

func checkHello(request *pushv1.SyncRequest) (*pushv1.Hello, error) {
	hello := request.GetHello()
	if hello == nil {
		return nil, status.Error(codes.InvalidArgument, "the first message is not a hello")
	}
	for _, name := range []string{hello.GetNamespace(), hello.GetFleet(), hello.GetPod()} {
		if wrong := validation.IsDNS1123Subdomain(name); len(wrong) > 0 {
			return nil, status.Errorf(codes.InvalidArgument, "hello: name %.60q: %s", name, wrong[0])
		}
	}
	if len(hello.GetVersion()) > 128 {
		return nil, status.Error(codes.InvalidArgument, "hello: the version has more than 128 bytes")
	}
	return hello, nil
}

// authorize holds who calls against what the hello asks for:
//  1. the fleet must be in the caller's namespace, so that nobody learns of others';
//  2. the fleet must exist;
//  3. the caller must be the fleet's service account;
//  4. and the pod that it says it is, where the token tells.
func (s *Server) authorize(ctx context.Context, who authn.Identity, hello *pushv1.Hello) error {
	fleet := types.NamespacedName{Namespace: hello.GetNamespace(), Name: hello.GetFleet()}
	if who.Namespace != fleet.Namespace {
		return s.deny(denyAccount, status.Errorf(codes.PermissionDenied,
			"service account %s/%s is not in the namespace of fleet %s", who.Namespace, who.ServiceAccount, fleet))
	}
	account, found, err := s.Account(ctx, fleet)
	switch {
	case err != nil:
		s.Log.Error(err, "look up fleet", "fleet", fleet.String())
		return status.Errorf(codes.Unavailable, "fleet %s cannot be looked up now", fleet)
	case !found:
		return s.deny(denyFleet, status.Errorf(codes.NotFound, "there is no fleet %s", fleet))
	case who.ServiceAccount != account:
		return s.deny(denyAccount, status.Errorf(codes.PermissionDenied,
			"service account %s/%s is not %s, which the proxies of fleet %s run as", who.Namespace, who.ServiceAccount, account, fleet))
	case who.Pod != "" && who.Pod != hello.GetPod():
		return s.deny(denyPod, status.Errorf(codes.PermissionDenied,
			"the token is of pod %s, the hello is of pod %s", who.Pod, hello.GetPod()))
	}
	return nil
}

func (s *Server) deny(reason string, err error) error {
	s.metrics.denied.WithLabelValues(reason).Inc()
	return err
}
