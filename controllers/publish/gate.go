// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// gate is open while the server leads. The zero value is shut.
type gate struct {
	mu     sync.Mutex
	closed chan struct{} // nil while the gate is shut; closed when it shuts
}

// open opens a shut gate; false says that it was open.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		return false
	}
	g.closed = make(chan struct{})
	return true
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
}

// pass lets a session in: until is closed when the gate shuts.
func (g *gate) pass() (until <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		return nil, errNotLeading
	}
	return g.closed, nil
}

var errNotLeading = status.Error(codes.Unavailable, "this controller does not lead, or is not ready to")
