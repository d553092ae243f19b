//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// kind is one kind of load. A conversation of it is what draw says, and has the
// client do what client says and the backend what backend says; both have taken the
// header and the backend's greeting then.
type kind struct {
	name    string
	workers int
	think   time.Duration // between two conversations of a worker, at most
	draw    func() header
	client  func(*talk) error
	backend func(*talk) error
	aborts  bool // the client resets: the backend cannot tell when
}

// talk is a conversation as one side holds it.
type talk struct {
	header
	conn
	block block
	hold  func(time.Duration) // the client waits, until the load is to rest
}

func (t *talk) sendUp() error      { return t.block.send(t.conn, t.Start, t.Up) }
func (t *talk) receiveUp() error   { return t.block.receive(t.conn, t.Start, t.Up) }
func (t *talk) sendDown() error    { return t.block.send(t.conn, t.Start+1, t.Down) }
func (t *talk) receiveDown() error { return t.block.receive(t.conn, t.Start+1, t.Down) }
func (t *talk) receiveEnd() error  { return receiveEnd(t.conn) }

func (t *talk) shut() error {
	if err := t.CloseWrite(); err != nil {
		return fmt.Errorf("shut: %w", err)
	}
	return nil
}

func (t *talk) holdOn() error {
	t.hold(time.Duration(t.Hold) * time.Millisecond)
	return nil
}

func (t *talk) wait() error {
	<-time.After(time.Duration(t.Hold) * time.Millisecond)
	return nil
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// between is a number from least to most.
func between(least, most uint32) uint32 { return least + rand.Uint32N(most-least+1) }

// kinds are all kinds of load.
func kinds() []kind {
	exchange := func(t *talk) error {
		return both(
			func() error { return steps(t.sendUp, t.shut) },
			func() error { return steps(t.receiveDown, t.receiveEnd) })
	}
	answer := func(t *talk) error {
		return both(
			func() error { return steps(t.sendDown, t.shut) },
			func() error { return steps(t.receiveUp, t.receiveEnd) })
	}
	return []kind{
		{
			name: "bulk", workers: 4, think: time.Second,
			draw:   func() header { return header{Up: between(1, 8*mib), Down: between(1, 8*mib)} },
			client: exchange, backend: answer,
		},
		{
			name: "churn", workers: 8, think: 100 * time.Millisecond,
			draw:   func() header { return header{Up: between(0, 4*kib), Down: between(0, 4*kib)} },
			client: exchange, backend: answer,
		},
		{
			name: "ping-pong", workers: 16, think: time.Second,
			draw: func() header {
				return header{Up: between(1, 16*kib), Down: between(1, 16*kib), Rounds: between(1, 400)}
			},
			client: func(t *talk) error { return t.messages(t.sendUp, t.receiveDown) },
			backend: func(t *talk) error {
				return t.messages(t.receiveUp, t.sendDown)
			},
		},
		{
			name: "idle", workers: 100, think: time.Second,
			draw: func() header { return header{Up: 100, Down: 100, Rounds: 2, Hold: between(1000, 15_000)} },
			client: func(t *talk) error {
				return t.messages(t.sendUp, t.receiveDown, t.holdOn)
			},
			backend: func(t *talk) error { return t.messages(t.receiveUp, t.sendDown) },
		},
		{
			name: "client half-closes", workers: 10, think: time.Second,
			draw: func() header { return header{Up: between(0, mib), Down: between(1, mib), Hold: between(1, 2000)} },
			client: func(t *talk) error {
				return steps(t.sendUp, t.shut, t.receiveDown, t.receiveEnd)
			},
			backend: func(t *talk) error {
				return steps(t.receiveUp, t.receiveEnd, t.wait, t.sendDown)
			},
		},
		{
			name: "backend half-closes", workers: 10, think: time.Second,
			draw: func() header { return header{Up: between(1, mib), Down: between(0, mib), Hold: between(1, 2000)} },
			client: func(t *talk) error {
				return steps(t.receiveDown, t.receiveEnd, t.holdOn, t.sendUp)
			},
			backend: func(t *talk) error {
				return steps(t.sendDown, t.shut, t.receiveUp, t.receiveEnd)
			},
		},
		{
			name: "abort", workers: 2, think: time.Second, aborts: true,
			draw:    func() header { return header{Up: mib, Down: mib} },
			client:  func(t *talk) error { return t.abort(between(0, mib)) },
			backend: answer,
		},
	}
}

// messages does a round of steps so many times, and then sees to the end: of the
// client it comes first, for what it sees next is the backend's.
func (t *talk) messages(round ...func() error) error {
	for range t.Rounds {
		if err := steps(round...); err != nil {
			return err
		}
	}
	return steps(t.shut, t.receiveEnd)
}

// abort receives some bytes and resets the connection.
func (t *talk) abort(after uint32) error {
	if err := t.block.receive(t.conn, t.Start+1, after); err != nil {
		return err
	}
	if err := t.SetLinger(0); err != nil {
		return err
	}
	return t.Close()
}
