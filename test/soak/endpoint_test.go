//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// endpoint is a backend that can be killed and started again on its port.
type endpoint struct {
	number uint8
	port   uint32
	world  *world

	mu       sync.Mutex
	listener net.Listener          // guarded by mu; nil while it is dead
	conns    map[*net.TCPConn]bool // guarded by mu
	kills    kills                 // guarded by mu
	serving  sync.WaitGroup
}

// kills counts the beginnings and the ends of kills. It is odd while one goes on,
// which may still reset what it has not reached yet.
type kills int

// since tells whether something that began at an earlier count may be hurt.
func (k kills) since(before kills) bool { return k != before || k%2 == 1 }

// start has the endpoint accept.
func (e *endpoint) start(ctx context.Context) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", fmt.Sprintf("127.0.0.1:%d", e.port))
	if err != nil {
		return fmt.Errorf("start endpoint %d: %w", e.number, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.listener, e.conns = l, map[*net.TCPConn]bool{}
	e.serving.Go(func() { e.accept(l) })
	return nil
}

func (e *endpoint) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		tcp := c.(*net.TCPConn)
		e.mu.Lock()
		before := e.kills
		dead := e.listener != l
		if dead { // as late as this it may be another's by now, who has had it ready
			e.kills += 2
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		} else {
			e.conns[tcp] = true
			e.serving.Go(func() { e.serve(tcp, before) })
		}
		e.mu.Unlock()
	}
}

// kill resets all connections, and has new ones be refused.
func (e *endpoint) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.listener == nil {
		return
	}
	e.kills++
	_ = e.listener.Close()
	e.listener = nil
	for c := range e.conns {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	e.kills++
}

// stop ends the endpoint for good.
func (e *endpoint) stop() {
	e.kill()
	e.serving.Wait()
}

func (e *endpoint) killed() kills {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kills
}

// serve holds the backend's side of a conversation.
func (e *endpoint) serve(c *net.TCPConn, before kills) {
	defer func() {
		e.mu.Lock()
		delete(e.conns, c)
		e.mu.Unlock()
		_ = c.Close()
	}()
	h, err := readHeader(c)
	if errors.Is(err, io.EOF) {
		return // a proxy had it ready, for nobody; a client who has lost it will tell
	}
	if err != nil || int(h.Kind) >= len(e.world.kinds) {
		e.world.tally.backend("unknown", fmt.Errorf("header: %w", err), e.killed().since(before))
		return
	}
	k := e.world.kinds[h.Kind]
	t := &talk{header: h, conn: c, block: e.world.block}
	err = steps(
		func() error { _, err := c.Write([]byte{e.number}); return err },
		func() error { return k.backend(t) },
	)
	e.world.tally.backend(k.name, err, k.aborts || e.killed().since(before))
}
