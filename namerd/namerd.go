// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package namerd is namerd's HTTP interface, io.l5d.httpController: delegation
// tables go in and out, and names are bound by them, once or for as long as the
// caller listens. namerctl, linkerd-tcp and linkerd are its clients, so paths, codes,
// headers and texts are namerd's own.
//
// Where tables are kept is the business of a store: this package defines what it
// asks of one, and folders below implement it. It keeps nothing itself.
package namerd

import (
	"context"
	"errors"
	"net/http"

	"github.com/wye-dev/wye/dtab"
)

// Entry is the table of a namespace in one version. It never changes.
type Entry struct {
	Table   *dtab.Table
	Version []byte // opaque; another after each change
}

// Reader is where tables are read. What it knows is always at hand: it waits
// for nothing outside the process.
type Reader interface {
	// Get is the table of a namespace, nil if there is none, and a channel that
	// is closed when that has changed. An entry is the same as long as its
	// version is.
	Get(namespace string) (entry *Entry, changed <-chan struct{})
	// List are the namespaces, sorted, and a channel that is closed when there
	// are others.
	List() (namespaces []string, changed <-chan struct{})
}

// Writer is where tables are written. The errors are those below, or others that
// mean that the store is at fault. Tables are written with their exact weights.
type Writer interface {
	// Create is for a namespace that is not there yet; ErrExists if it is.
	Create(ctx context.Context, namespace string, table dtab.Dtab) error
	// Put replaces a table. version is the one to replace, or nil for any, or
	// none: ErrMismatch if it is another, ErrNotFound if there is none.
	Put(ctx context.Context, namespace string, table dtab.Dtab, version []byte) error
	// Delete forgets a namespace; ErrNotFound if there is none.
	Delete(ctx context.Context, namespace string) error
}

// Access says who may do what.
type Access interface {
	// Read is nil if a request may read a namespace, or, if that is empty, all of
	// them and the names that namers know.
	Read(r *http.Request, namespace string) error
	// Writer is what a request writes with.
	Writer(r *http.Request) (Writer, error)
}

// What can be wrong with a request to a store.
var (
	ErrExists          = errors.New("the namespace exists")
	ErrNotFound        = errors.New("there is no such namespace")
	ErrMismatch        = errors.New("the version is another")
	ErrUnauthenticated = errors.New("it is not known who asks")
	ErrForbidden       = errors.New("not permitted")
)

// InvalidError says that a store can never hold what it was given.
type InvalidError struct{ Reason string }

// Error is the reason.
func (e *InvalidError) Error() string { return e.Reason }

// Everybody is an Access that lets everybody read and write.
func Everybody(w Writer) Access { return everybody{w} }

type everybody struct{ writer Writer }

func (everybody) Read(*http.Request, string) error       { return nil }
func (e everybody) Writer(*http.Request) (Writer, error) { return e.writer, nil }
