// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namerd"
)

// maxToken bounds a token, in bytes.
const maxToken = 16 << 10

// manager is the field manager of writes.
const manager = "namerd"

// callers makes clients that have nothing but the token of a request.
type callers struct {
	config *rest.Config // without credentials
	codecs runtime.NegotiatedSerializer
	params runtime.ParameterCodec
}

func newCallers(cluster *rest.Config) (*callers, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), authorizationv1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	config := rest.AnonymousClientConfig(cluster)
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.QPS = -1 // it is the API server's part to hold up callers
	return &callers{config: config, params: runtime.NewParameterCodec(scheme)}, nil
}

// caller is somebody who has sent a token.
type caller struct {
	*callers
	token string
}

// of is who sent a request.
func (c *callers) of(r *http.Request) (caller, error) {
	token := tokenOf(r)
	noToken := func(c rune) bool { return c <= ' ' || c > '~' } // a password may have anything in it
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, noToken) {
		return caller{}, fmt.Errorf("%w: a bearer token is needed", namerd.ErrUnauthenticated)
	}
	return caller{c, token}, nil
}

// tokenOf is the token of a request, empty if there is none. A password is one, too,
// whoever the user is: namerctl and many another client can send no token, but do send
// the password of a base URL, http://USER:PASSWORD@HOST.
func tokenOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// client speaks to one API group. Connections are shared among callers.
func (c caller) client(group schema.GroupVersion) (*rest.RESTClient, error) {
	config := rest.CopyConfig(c.config)
	config.BearerToken = c.token
	config.GroupVersion = &group
	return rest.RESTClientFor(config)
}

// may asks the API server whether the caller may do something with a Dtab, or with
// all if it has no name.
func (c caller) may(ctx context.Context, verb string, key types.NamespacedName) (bool, error) {
	client, err := c.client(authorizationv1.SchemeGroupVersion)
	if err != nil {
		return false, err
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Resource: "dtabs", Verb: verb, Namespace: key.Namespace, Name: key.Name,
		},
	}}
	err = client.Post().Resource("selfsubjectaccessreviews").Body(review).Do(ctx).Into(review)
	return review.Status.Allowed, verdict(err)
}

// verdict gives an error of the API server namerd's meaning.
func verdict(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return err
	}
	message := status.Status().Message
	switch reason := apierrors.ReasonForError(err); reason {
	case metav1.StatusReasonUnauthorized:
		return fmt.Errorf("%w: %s", namerd.ErrUnauthenticated, message)
	case metav1.StatusReasonForbidden:
		return fmt.Errorf("%w: %s", namerd.ErrForbidden, message)
	case metav1.StatusReasonNotFound:
		return fmt.Errorf("%w: %s", namerd.ErrNotFound, message)
	case metav1.StatusReasonAlreadyExists:
		return namerd.ErrExists
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest, metav1.StatusReasonRequestEntityTooLarge:
		return &namerd.InvalidError{Reason: message}
	}
	return err
}
