// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guards

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// trickles is how many clients say one byte a second each.
const trickles = 300

// trickle says a ClientHello, one byte a second.
func trickle(t *testing.T, _ *world, to netip.AddrPort) (stop func()) {
	t.Helper()
	return dribble(clientHello(t), to)
}

// dribble has many clients say words, one byte a second each. Those that are turned away
// come again.
func dribble(words []byte, to netip.AddrPort) (stop func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		clients := make([]slow, trickles)
		for i := range clients {
			clients[i].say(words, to)
		}
		ticks := time.NewTicker(time.Second / trickles)
		defer ticks.Stop()
		for i := 0; ; i = (i + 1) % trickles {
			select {
			case <-over:
				for _, c := range clients {
					c.leave()
				}
				return
			case <-ticks.C:
				clients[i].say(words, to)
			}
		}
	})
	return func() {
		close(over)
		all.Wait()
	}
}

// slow is a client that takes its time.
type slow struct {
	conn net.Conn // nil: it has to connect
	said int
}

// say says one byte of words more, and keeps the last to itself.
func (c *slow) say(words []byte, to netip.AddrPort) {
	if c.conn == nil {
		conn, err := tryDial(attacker, to)
		if err != nil {
			return
		}
		c.conn, c.said = conn, 0
	}
	if c.said < len(words)-1 {
		if _, err := c.conn.Write(words[c.said : c.said+1]); err != nil {
			c.leave()
			c.conn = nil
		}
		c.said++
	}
}

func (c *slow) leave() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// clientHello is what a client of TLS says first.
func clientHello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = tls.Client(theirs, &tls.Config{ServerName: "a.example"}).Handshake() }()
	b := make([]byte, 16<<10)
	n, err := ours.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}
