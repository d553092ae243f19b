// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package authn tells whose a service-account token is. A token goes in, the
// identity that the Kubernetes API vouches for comes out, or ErrInvalid. It
// decides nothing about what the identity may do, and it never logs or stores a
// token: answers are remembered for a short time under the token's hash.
package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Audience that the tokens of proxies carry, so that they are of no use
// elsewhere and other tokens are of no use here.
const Audience = "wye-controller"

const (
	// maxToken bounds a token, in bytes. Service-account tokens have 1 to 2 KiB.
	maxToken = 16 << 10
	// maxReviews bounds the TokenReviews in flight; more callers wait.
	maxReviews = 32
	// podNameKey is where the API server puts the pod that a token is bound to
	// (k8s.io/apiserver/pkg/authentication/serviceaccount, PodNameKey).
	podNameKey = "authentication.kubernetes.io/pod-name"
)

// ErrInvalid is a token that is not valid, not for the audience, or not a service account's.
var ErrInvalid = errors.New("token is not valid")

// Identity is a service account, and where the API server knows it, the pod that
// the token is bound to.
type Identity struct {
	Namespace      string
	ServiceAccount string
	Pod            string // empty when the token is not bound to a pod
}

// Creator is what Tokens needs of a Kubernetes client, whose scheme must have
// authentication.k8s.io/v1.
type Creator interface {
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
}

// Tokens reviews tokens.
type Tokens struct {
	client   Creator
	audience string
	slots    chan struct{} // one token per TokenReview in flight
	memory   memory
}

// New makes a reviewer of tokens for an audience; empty stands for Audience.
func New(c Creator, audience string) *Tokens {
	if audience == "" {
		audience = Audience
	}
	return &Tokens{client: c, audience: audience, slots: make(chan struct{}, maxReviews)}
}

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create

// Review tells whose token it is. The error is ErrInvalid for a token that
// proves nothing; any other error means that the API server could not be asked.
func (t *Tokens) Review(ctx context.Context, token string) (Identity, error) {
	if token == "" || len(token) > maxToken {
		return Identity{}, fmt.Errorf("%w: it has %d bytes", ErrInvalid, len(token))
	}
	if identity, err, ok := t.memory.recall(token); ok {
		return identity, err
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return Identity{}, fmt.Errorf("wait for a token review: %w", ctx.Err())
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
		Token:     token,
		Audiences: []string{t.audience},
	}}
	if err := t.client.Create(ctx, review); err != nil {
		return Identity{}, fmt.Errorf("review token: %w", err)
	}
	identity, err := t.judge(review.Status)
	t.memory.keep(token, identity, err)
	return identity, err
}

// judge reads the API server's answer. An answer without our audience comes from
// an authenticator that does not know audiences: it vouches for the API server's
// own audience only.
func (t *Tokens) judge(status authenticationv1.TokenReviewStatus) (Identity, error) {
	switch {
	case !status.Authenticated && status.Error != "":
		return Identity{}, fmt.Errorf("%w: %s", ErrInvalid, status.Error)
	case !status.Authenticated:
		return Identity{}, fmt.Errorf("%w: not authenticated", ErrInvalid)
	case !slices.Contains(status.Audiences, t.audience):
		return Identity{}, fmt.Errorf("%w: not for the audience %s", ErrInvalid, t.audience)
	}
	account, ok := strings.CutPrefix(status.User.Username, "system:serviceaccount:")
	namespace, name, two := strings.Cut(account, ":")
	if !ok || !two || namespace == "" || name == "" {
		return Identity{}, fmt.Errorf("%w: %q is not a service account", ErrInvalid, status.User.Username)
	}
	identity := Identity{Namespace: namespace, ServiceAccount: name}
	if pods := status.User.Extra[podNameKey]; len(pods) > 0 {
		identity.Pod = pods[0]
	}
	return identity, nil
}
