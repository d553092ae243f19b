// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wye-dev/wye/api/v1alpha1"
)

// errEnough ends following without being an error.
var errEnough = errors.New("enough")

// pause is how long to wait before a watch that has ended is begun again.
const pause = time.Second

// follow calls on for each TCPRoute of the user's namespace, or for the one with
// a name, as it is and whenever it changes, until ctx ends or on gives an error.
// A watch that ends, as all do after a while, is begun again; once there was one,
// so it is if the API server is away for a time.
func (c cluster) follow(ctx context.Context, name string, on func(apiwatch.EventType, *v1alpha1.TCPRoute) error) error {
	options := &client.ListOptions{Namespace: c.namespace}
	if name != "" {
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", name)
	}
	for began := false; ; began = true {
		// Without a version a watch begins with what there is.
		stream, err := c.Watch(ctx, &v1alpha1.TCPRouteList{}, options)
		switch {
		case err == nil:
			err = followStream(ctx, stream, on)
		case began && !isAnswer(err):
			err = nil // the API server is away
		default:
			err = fmt.Errorf("watch TCPRoutes: %w", err)
		}
		switch {
		case errors.Is(err, errEnough):
			return nil
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// isAnswer tells whether an error is the API server's answer.
func isAnswer(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer)
}

// followStream is one watch, to its end.
func followStream(ctx context.Context, stream apiwatch.Interface, on func(apiwatch.EventType, *v1alpha1.TCPRoute) error) error {
	defer stream.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, ok := <-stream.ResultChan():
			if !ok || event.Type == apiwatch.Error && apierrors.IsResourceExpired(apierrors.FromObject(event.Object)) {
				return nil
			}
			if event.Type == apiwatch.Error {
				return fmt.Errorf("watch TCPRoutes: %w", apierrors.FromObject(event.Object))
			}
			r, ok := event.Object.(*v1alpha1.TCPRoute)
			if !ok {
				continue // a bookmark
			}
			if err := on(event.Type, r); err != nil {
				return err
			}
		}
	}
}
