//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// load is the clients. It can rest: then no conversation is held.
type load struct {
	world   *world
	workers sync.WaitGroup

	mu      sync.Mutex
	resting chan struct{} // guarded by mu: closed while the load is to rest
	going   chan struct{} // guarded by mu: closed while it is not
	talking sync.WaitGroup
	ended   bool // guarded by mu
}

// startLoad starts clients of all kinds.
func startLoad(w *world) *load {
	l := &load{world: w, resting: make(chan struct{}), going: make(chan struct{})}
	close(l.going)
	for number, k := range w.kinds {
		for range k.workers {
			l.workers.Go(func() { l.work(uint8(number), k) })
		}
	}
	return l
}

// rest has the load rest, and returns when it does.
func (l *load) rest() {
	l.mu.Lock()
	close(l.resting)
	l.going = make(chan struct{})
	l.mu.Unlock()
	l.talking.Wait()
}

// resume has it go on.
func (l *load) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resting = make(chan struct{})
	close(l.going)
}

// stop ends a load that rests.
func (l *load) stop() {
	l.mu.Lock()
	l.ended = true
	close(l.going)
	l.mu.Unlock()
	l.workers.Wait()
}

// enter waits until conversations may be held, and announces one. It is false at the
// end of the load.
func (l *load) enter() bool {
	for {
		l.mu.Lock()
		going := l.going
		select {
		case <-going:
			goes := !l.ended
			if goes {
				l.talking.Add(1)
			}
			l.mu.Unlock()
			return goes
		default:
			l.mu.Unlock()
			<-going
		}
	}
}

// pause waits, but not while the load is to rest.
func (l *load) pause(d time.Duration) {
	l.mu.Lock()
	resting := l.resting
	l.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-resting:
	}
}

// work holds one conversation after the other.
func (l *load) work(number uint8, k kind) {
	for l.enter() {
		h := k.draw()
		h.Kind, h.Start = number, rand.Uint32N(1<<20)
		l.converse(k, h)
		l.talking.Done()
		l.pause(rand.N(k.think))
	}
}

// converse holds the client's side of a conversation, through any door.
func (l *load) converse(k kind, h header) {
	before := l.world.allKills()
	d, c, err := l.world.dial()
	if err != nil {
		// A kill may have reached it before the client has seen that it is connected.
		excused := errors.Is(err, syscall.ECONNRESET) && l.world.hurt(before, -1)
		l.world.tally.client(k.name, 0, fmt.Errorf("dial %s: %w", d.name, err), excused)
		return
	}
	defer c.Close()
	if d.tells {
		h.From = uint16(c.LocalAddr().(*net.TCPAddr).Port)
	}
	t := &talk{header: h, conn: c, block: l.world.block, hold: l.pause}
	endpoint := -1 // not known
	began := time.Now()
	err = steps(
		func() error { return h.write(c) },
		func() error { endpoint, err = greeting(c, len(before)); return err },
		func() error { return k.client(t) },
	)
	if err != nil {
		err = fmt.Errorf("%s to endpoint %d, after %s, %+v: %w", d.name, endpoint, time.Since(began).Round(time.Millisecond), h, err)
	}
	moved := (int64(h.Up) + int64(h.Down)) * int64(max(h.Rounds, 1))
	l.world.tally.client(k.name, moved, err, l.world.hurt(before, endpoint))
}

// greeting is the number of the endpoint that a conversation has reached.
func greeting(c net.Conn, endpoints int) (int, error) {
	var number [1]byte
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := io.ReadFull(c, number[:]) // TLS may tell the end with the byte
	switch {
	case err != nil:
		return -1, fmt.Errorf("greeting: %w", err)
	case int(number[0]) >= endpoints:
		return -1, errors.Join(errWrong, fmt.Errorf("greeting of endpoint %d", number[0]))
	}
	return int(number[0]), nil
}
