// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"net"
	"sync"
)

// freezer makes connections of which one end can be stopped, as SIGSTOP stops a
// process: the kernel goes on to answer for it, and nobody reads or writes.
type freezer struct {
	mu   sync.Mutex
	cond *sync.Cond
	ice  bool
	gone bool
}

func newFreezer() *freezer {
	f := &freezer{}
	f.cond = sync.NewCond(&f.mu)
	return f
}

func (f *freezer) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &freezing{Conn: conn, freezer: f}, nil
}

func (f *freezer) freeze() { f.set(true) }
func (f *freezer) thaw()   { f.set(false) }

func (f *freezer) set(ice bool) {
	f.mu.Lock()
	f.ice = ice
	f.mu.Unlock()
	f.cond.Broadcast()
}

// wait waits while the freezer is on and the connection open.
func (f *freezer) wait() {
	f.mu.Lock()
	for f.ice && !f.gone {
		f.cond.Wait()
	}
	f.mu.Unlock()
}

type freezing struct {
	net.Conn
	freezer *freezer
}

func (c *freezing) Read(b []byte) (int, error) {
	c.freezer.wait()
	n, err := c.Conn.Read(b)
	c.freezer.wait()
	return n, err
}

func (c *freezing) Write(b []byte) (int, error) {
	c.freezer.wait()
	return c.Conn.Write(b)
}

func (c *freezing) Close() error {
	c.freezer.mu.Lock()
	c.freezer.gone = true
	c.freezer.mu.Unlock()
	c.freezer.cond.Broadcast()
	return c.Conn.Close()
}
