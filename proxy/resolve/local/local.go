// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package local follows names by a table of this process's own, with its own namers,
// as linkerd's default interpreter does. What is bound is evaluated anew with each
// change of what the evaluation looked at; nothing is polled.
//
// A name that is bound to nothing is an answer, and in force: the table and the
// namers say so. Only what is not known yet, or cannot be known, leaves the last
// answer as it is.
package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/resolve"
)

// Names is the namers of a process, for all its tables.
type Names struct {
	table *namer.Table
	bells namer.Bells // of those who follow names
}

// New makes a Names. It is an error if the prefixes of two namers overlap.
func New(mounts ...namer.Mount) (*Names, error) {
	n := &Names{}
	table, err := namer.NewTable(n.bells.Ring, mounts...)
	if err != nil {
		return nil, err
	}
	n.table = table
	return n, nil
}

// Interpreter binds names by one table.
type Interpreter struct {
	names *Names
	table *dtab.Table
}

// By is the interpreter of a table.
func (n *Names) By(table *dtab.Table) *Interpreter { return &Interpreter{names: n, table: table} }

// Follow tells all that becomes known of a name until ctx ends. Calls of tell do
// not overlap; tell must not block.
func (i *Interpreter) Follow(ctx context.Context, name dtab.Path, tell func(resolve.State)) {
	n := i.names
	consumer, bell := n.bells.Hang()
	defer n.bells.Take(consumer)
	defer n.table.Want(consumer, nil)

	var state resolve.State
	for {
		lookups := n.table.View().Lookups()
		answer, err := i.bind(name, lookups, state.Answer)
		n.table.Want(consumer, lookups.Paths()) // rings if it brings news
		switch {
		case err == nil:
			state.Answers++
		case !errors.Is(err, dtab.ErrPending):
			state.Failures++
		}
		if answer != nil && !answer.Equal(state.Answer) {
			state.Answer = answer
		}
		state.Err = err
		tell(state)
		select {
		case <-bell:
		case <-ctx.Done():
			return
		}
	}
}

// bind evaluates a name; last is the answer before, nil if there was none. There may
// be both an answer and an error: branches of a union that cannot be known are left
// out while others are known, as in linkerd. One that is awaited holds up the
// answer: to leave it out for a moment would change the split twice.
func (i *Interpreter) bind(name dtab.Path, lookups *namer.Lookups, last *resolve.Answer) (*resolve.Answer, error) {
	binding, err := dtab.Interpreter{Table: i.table, Namers: lookups}.Bind(name)
	if err != nil {
		return nil, err
	}
	wrong := binding.LeftOut
	if binding.Tree.Kind == dtab.Neg && len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	answer := &resolve.Answer{
		Tree:      dtab.Map(binding.Tree, func(b dtab.Bound) dtab.Path { return b.ID }),
		Endpoints: map[string][]namer.Endpoint{},
	}
	resolve.ForNames(answer.Tree, func(id dtab.Path) {
		endpoints, err := addresses(id, lookups.Addr(id), last)
		answer.Endpoints[id.String()] = endpoints
		if err != nil {
			wrong = append(wrong, err)
		}
	})
	err = errors.Join(wrong...)
	if errors.Is(err, dtab.ErrPending) {
		return nil, err
	}
	return answer, err
}

// addresses of a concrete name: those that it had last, if they cannot be known now.
func addresses(id dtab.Path, now namer.Addr, last *resolve.Answer) ([]namer.Endpoint, error) {
	switch now.State {
	case namer.AddrPending:
		return nil, fmt.Errorf("the addresses of %s: %w", id, dtab.ErrPending)
	case namer.AddrFailed:
		err := fmt.Errorf("the addresses of %s cannot be known: %s", id, now.Cause)
		if last == nil {
			return nil, err
		}
		return last.Endpoints[id.String()], err
	}
	return now.Endpoints, nil
}
