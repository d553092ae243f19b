// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package names binds names by the tables of namespaces, and follows them. A query
// goes in, and each call of Next gives what has become of it since the last, once
// everything that it takes is known. Who does not call misses what came in between
// and gets the newest. Nothing is polled and no goroutine is started: a change wakes
// those whom it concerns, and they evaluate.
package names

import (
	"context"
	"fmt"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Tables is where the tables of namespaces are.
type Tables interface {
	// Table is the table of a namespace, nil if there is none, and a channel that
	// is closed when that has changed.
	Table(namespace string) (table *dtab.Table, changed <-chan struct{})
}

// Names binds names.
type Names struct {
	tables Tables
	table  *namer.Table
	kept   kept
	joined joined

	bells namer.Bells // of those who follow names
}

// New makes a Names with namers. It is an error if the prefixes of two of them overlap.
func New(tables Tables, mounts ...namer.Mount) (*Names, error) {
	n := &Names{tables: tables}
	table, err := namer.NewTable(n.bells.Ring, mounts...)
	if err != nil {
		return nil, err
	}
	n.table = table
	n.kept.want = table.Want
	return n, nil
}

// Query is a name, and the tables by which it is bound.
type Query struct {
	// Namespace whose table it is; one that does not exist has the empty table.
	// Of no namespace when nil.
	Namespace *string
	Path      dtab.Path
	// Extra rules go behind the namespace's. ExtraText is what they were read from.
	Extra     dtab.Dtab
	ExtraText string
}

// follower evaluates a query whenever something that it looked at has changed.
// It is not for concurrent use, and must be closed.
type follower struct {
	names *Names
	id    string
	bell  <-chan struct{}
	query Query

	base    *dtab.Table // the namespace's, as it was last
	table   *dtab.Table // with the extra rules
	changed <-chan struct{}
}

func (n *Names) follow(q Query) *follower {
	f := &follower{names: n, query: q}
	f.id, f.bell = n.bells.Hang()
	return f
}

// Close ends the watches.
func (f *follower) Close() {
	f.names.bells.Take(f.id)
	f.names.table.Want(f.id, nil)
}

// until evaluates now and after each change, until the evaluation says that it is
// done, or ctx ends.
func (f *follower) until(ctx context.Context, evaluate func(dtab.Interpreter, *namer.Lookups) (done bool)) error {
	for {
		f.turn()
		l := f.names.table.View().Lookups()
		done := evaluate(dtab.Interpreter{Table: f.table, Namers: l}, l)
		paths := l.Paths()
		f.names.table.Want(f.id, paths) // rings if it brings news
		if done {
			f.names.kept.touch(paths)
			return nil
		}
		select {
		case <-f.bell:
		case <-f.changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", f.query.Path, ctx.Err())
		}
	}
}

// turn takes the newest table.
func (f *follower) turn() {
	var base *dtab.Table
	if f.query.Namespace != nil {
		base, f.changed = f.names.tables.Table(*f.query.Namespace)
	}
	if f.table != nil && base == f.base {
		return
	}
	f.base, f.table = base, base
	switch {
	case len(f.query.Extra) > 0:
		at := joint{extra: f.query.ExtraText}
		if f.query.Namespace != nil {
			at.namespace = *f.query.Namespace
		}
		f.table = f.names.joined.table(at, base, f.query.Extra)
	case base == nil:
		f.table = dtab.NewTable(nil)
	}
}
