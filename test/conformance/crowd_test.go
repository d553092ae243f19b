// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// crowd is conversations through one proxy, some at a time. A client begins with
// the number of its conversation, so that the backend knows its part.
type crowd struct {
	world    *world
	route    route
	listener *net.TCPListener

	taking   sync.Mutex     // held while a conversation is added to backends, and to wait for them
	backends sync.WaitGroup // conversations at the backend

	mu    sync.Mutex
	peers map[uint32]*pair // guarded by mu: number -> who spoke
}

// pair are the two that speak. The backend is nil as long as it is not reached.
type pair struct {
	said            string // for people
	parts           conversation
	client, backend *peer
}

// scripted has what is reported of a peer tell the conversation.
type scripted struct {
	testing.TB
	text string
}

func (s scripted) Errorf(format string, args ...any) {
	s.TB.Helper()
	s.TB.Errorf("%s: "+format, append([]any{s.text}, args...)...)
}

func (s scripted) Error(args ...any) { s.Errorf("%s", fmt.Sprint(args...)) }

// newCrowd starts a proxy and a backend, which is the endpoint of the route, for many
// conversations.
func newCrowd(t testing.TB, p plane, backend sockets, r route) *crowd {
	t.Helper()
	l, address := listen(t, backend)
	r.endpoints = []netip.AddrPort{address}
	c := &crowd{world: start(t, p, r), route: r, listener: l}
	var accepting sync.WaitGroup
	accepting.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		accepting.Wait()
		c.backends.Wait()
	})
	return c
}

// speak holds the conversations of scripts, so many at once, and checks what came of
// them. name is what they are called in reports.
func (c *crowd) speak(t testing.TB, name string, scripts [][]byte, atOnce int) {
	t.Helper()
	if err := c.listener.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.peers = map[uint32]*pair{}
	c.mu.Unlock()
	before := c.world.counts()
	turns := make(chan struct{}, atOnce)
	var clients sync.WaitGroup
	for i, script := range scripts {
		turns <- struct{}{}
		said := fmt.Sprintf("%s, conversation %d, script %x", name, i, script)
		clients.Go(func() {
			c.begin(scripted{t, said}, uint32(i), read(script))
			<-turns
		})
	}
	clients.Wait()
	after := c.world.rests(before.accepted + int64(len(scripts)))
	c.rest(t)
	c.check(t, len(scripts))
	c.checkCounts(t, before, after)
}

// begin holds the client's part of a conversation.
func (c *crowd) begin(t scripted, number uint32, parts conversation) {
	p := &pair{said: t.text, parts: parts, client: newPeer(c.worldFor(t), nil, 'c', 'b')}
	c.mu.Lock()
	c.peers[number] = p
	c.mu.Unlock()
	conn, err := dial(c.world.address, sockets{tight: parts.client.tight})
	if err != nil {
		t.Error(err)
		return
	}
	if c.route.secret.client {
		p.client.keys = c.world.keys.client
	}
	if c.route.front {
		if _, err := io.WriteString(conn, header); err != nil {
			t.Error(err)
		}
	}
	if !p.client.begin(conn) {
		return
	}
	if err := binary.Write(p.client.speak, binary.BigEndian, number); err != nil {
		t.Error(err)
	}
	parts.client.do(p.client, conn)
}

// worldFor is the crowd's world with reports to t.
func (c *crowd) worldFor(t testing.TB) *world {
	w := *c.world
	w.t = t
	return &w
}

// accept takes in the proxy's connections until the listener is closed.
func (c *crowd) accept() {
	for {
		conn, err := c.listener.AcceptTCP()
		if err != nil {
			return
		}
		c.taking.Lock()
		c.backends.Go(func() { c.answer(conn) })
		c.taking.Unlock()
	}
}

// rest waits until the backend has held its part of all conversations, those too
// that it has not accepted yet: it does so in their order.
func (c *crowd) rest(t testing.TB) {
	t.Helper()
	last, err := dial(c.listener.Addr().String(), sockets{})
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	_ = last.CloseWrite() // it has no number
	_ = last.SetReadDeadline(time.Now().Add(patience))
	if _, err := last.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the backend does not accept: %v", err)
	}
	c.taking.Lock()
	defer c.taking.Unlock()
	c.backends.Wait()
}

// answer holds the backend's part of a conversation. Without a number there is none:
// the client's reset has overtaken it.
func (c *crowd) answer(conn *net.TCPConn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience)) // fails on a connection that is gone
	if c.route.laden && !headed(conn) {
		return
	}
	speak := stream(conn)
	if c.route.secret.backend {
		speak = tls.Server(conn, c.world.keys.backend)
	}
	var number [4]byte
	if _, err := io.ReadFull(speak, number[:]); err != nil {
		return
	}
	c.mu.Lock()
	p := c.peers[binary.BigEndian.Uint32(number[:])]
	p.backend = newPeer(c.worldFor(p.client.t), nil, 'b', 'c')
	p.backend.conn, p.backend.speak = conn, speak
	if c.route.secret.backend {
		p.backend.keys = c.world.keys.backend
	}
	c.mu.Unlock()
	p.parts.backend.do(p.backend, conn)
}

// check holds what each peer saw against what the other did.
func (c *crowd) check(t testing.TB, want int) {
	t.Helper()
	for _, p := range c.peers {
		if p.backend == nil {
			if p.parts.client.ends == inOrder {
				t.Errorf("%s: it never reached the backend", p.said)
			}
			continue
		}
		quiet := p.parts.client.ends == inOrder && p.parts.backend.ends == inOrder
		for _, side := range []struct {
			name        string
			saw         observed
			itself, far manner
		}{
			{"client", p.client.sees(p.backend), p.parts.client.ends, p.parts.backend.ends},
			{"backend", p.backend.sees(p.client), p.parts.backend.ends, p.parts.client.ends},
		} {
			if problem := wrong(side.saw, quiet, side.itself, side.far); problem != "" {
				t.Errorf("%s: the %s %s; it saw: %s", p.said, side.name, problem, side.saw)
			}
		}
	}
	if len(c.peers) != want {
		t.Errorf("%d conversations of %d were held", len(c.peers), want)
	}
}

// wrong tells what is wrong with what a peer saw, given how both parts end.
func wrong(saw observed, quiet bool, itself, far manner) string {
	switch {
	case saw.bad():
		return "got something else than was sent"
	case quiet && saw.End != "FIN":
		return "did not see the end that the other made"
	case saw.End == "FIN" && far == byReset:
		return "was told of an end where there was a reset"
	case saw.End == "FIN" && saw.Got == "a part":
		return "was given a part for the whole"
	case itself == inOrder && saw.End != "FIN" && saw.End != "RST":
		return "never saw an end"
	}
	return ""
}

// checkCounts holds the metrics against what the peers got.
func (c *crowd) checkCounts(t testing.TB, before, after counts) {
	t.Helper()
	var received, sent int64
	for _, p := range c.peers {
		sent += p.client.got
		if p.backend != nil {
			received += p.backend.got + 4 // its number
		}
	}
	if r, s := after.received-before.received, after.sent-before.sent; r < received || s < sent {
		t.Errorf("counted %d bytes received and %d sent, and the peers got %d and %d", r, s, received, sent)
	}
}
