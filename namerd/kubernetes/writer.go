// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd"
)

// attempts bounds how often a write is tried that others get ahead of.
const attempts = 10

// writer writes Dtabs as one caller.
type writer struct {
	tables *tables
	caller caller
	client *rest.RESTClient
}

// Create makes writer a namerd.Writer.
func (w *writer) Create(ctx context.Context, name string, table dtab.Dtab) error {
	key, err := w.key(name)
	if err != nil {
		return err
	}
	return w.create(ctx, key, table)
}

func (w *writer) create(ctx context.Context, key types.NamespacedName, table dtab.Dtab) error {
	d := &v1alpha1.Dtab{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	d.Spec.Dentries = format(table, nil)
	err := w.client.Post().Namespace(key.Namespace).Resource("dtabs").
		VersionedParams(&metav1.CreateOptions{FieldManager: manager}, w.caller.params).
		Body(d).Do(ctx).Into(d)
	if err = verdict(err); errors.Is(err, namerd.ErrNotFound) {
		return &namerd.InvalidError{Reason: err.Error()} // it is the namespace of Kubernetes that is not there
	}
	if err != nil {
		return err
	}
	w.tables.await(ctx, key, holds(d))
	return nil
}

// Put makes writer a namerd.Writer.
func (w *writer) Put(ctx context.Context, name string, table dtab.Dtab, expected []byte) error {
	key, err := w.key(name)
	if err != nil {
		return err
	}
	for range attempts {
		if err = w.tryPut(ctx, key, table, expected); !isOvertaken(err) {
			return err
		}
	}
	return fmt.Errorf("%s changes all the time: %w", name, err)
}

// isOvertaken says that the object has changed since it was read, or that there is
// one now or none: it has to be looked at again.
func isOvertaken(err error) bool {
	return apierrors.IsConflict(err) || errors.Is(err, errOvertaken)
}

var errOvertaken = errors.New("it has come or gone meanwhile")

func (w *writer) tryPut(ctx context.Context, key types.NamespacedName, table dtab.Dtab, expected []byte) error {
	d, err := w.get(ctx, key)
	switch {
	case errors.Is(err, namerd.ErrNotFound) && expected == nil:
		if err = w.create(ctx, key, table); errors.Is(err, namerd.ErrExists) {
			return errOvertaken
		}
		return err
	case err != nil:
		return err
	case expected != nil && string(expected) != string(version(d)):
		return namerd.ErrMismatch
	}
	// The resourceVersion in the object makes this fail if anything has changed. It
	// is tried again if that was the status.
	d.Spec.Dentries = format(table, d.Spec.Dentries)
	err = w.client.Put().Namespace(key.Namespace).Resource("dtabs").Name(key.Name).
		VersionedParams(&metav1.UpdateOptions{FieldManager: manager}, w.caller.params).
		Body(d).Do(ctx).Into(d)
	if err = verdict(err); errors.Is(err, namerd.ErrNotFound) {
		return errOvertaken
	}
	if err != nil {
		return err
	}
	w.tables.await(ctx, key, holds(d))
	return nil
}

// Delete makes writer a namerd.Writer.
func (w *writer) Delete(ctx context.Context, name string) error {
	key, err := w.key(name)
	if err != nil {
		return namerd.ErrNotFound
	}
	before, _ := w.tables.board.Get(formatName(key, w.tables.home))
	err = w.client.Delete().Namespace(key.Namespace).Resource("dtabs").Name(key.Name).Do(ctx).Error()
	if err = verdict(err); err != nil {
		return err
	}
	w.tables.await(ctx, key, func(now *namerd.Entry) bool { return now == nil || before == nil || uid(now) != uid(before) })
	return nil
}

// get reads a Dtab from the API server: the cache may be behind.
func (w *writer) get(ctx context.Context, key types.NamespacedName) (*v1alpha1.Dtab, error) {
	d := &v1alpha1.Dtab{}
	err := w.client.Get().Namespace(key.Namespace).Resource("dtabs").Name(key.Name).Do(ctx).Into(d)
	return d, verdict(err)
}

func (w *writer) key(name string) (types.NamespacedName, error) {
	key, err := parseName(name, w.tables.home)
	if err != nil {
		return key, &namerd.InvalidError{Reason: err.Error()}
	}
	return key, nil
}
