// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package guards

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wellBehaved is the address that the client connects from: not the attackers'.
const wellBehaved = "127.0.0.2"

// client sends requests through a proxy, one after the other, on a connection that
// lasts, and now and then on a new one.
type client struct {
	t     *testing.T
	proxy netip.AddrPort
	kept  *net.TCPConn
}

// oneInNew of its requests is on a new connection.
const oneInNew = 8

func newClient(t *testing.T, proxy netip.AddrPort) *client {
	t.Helper()
	c := &client{t: t, proxy: proxy}
	c.kept = c.dial()
	return c
}

func (c *client) dial() *net.TCPConn {
	c.t.Helper()
	conn, err := tryDial(wellBehaved, c.proxy)
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

func (c *client) close() { c.kept.Close() }

// watch sends requests for a while, all of which must be answered.
func (c *client) watch(d time.Duration) (all answers) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		for range oneInNew - 1 {
			began := time.Now()
			c.ask(c.kept)
			all.kept = append(all.kept, time.Since(began))
		}
		began := time.Now()
		conn := c.dial()
		c.ask(conn)
		all.fresh = append(all.fresh, time.Since(began))
		conn.Close()
	}
	return all
}

// answers are how long requests took, from connecting on where that was needed.
type answers struct{ kept, fresh latencies }

func (a *answers) add(b answers) {
	a.kept, a.fresh = append(a.kept, b.kept...), append(a.fresh, b.fresh...)
}

// ask sends a request and wants its answer.
func (c *client) ask(conn *net.TCPConn) {
	c.t.Helper()
	var request, answer [64]byte
	copy(request[:], time.Now().String())
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(request[:]); err != nil {
		c.t.Fatalf("a request of the client that behaves: %v", err)
	}
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		c.t.Fatalf("the answer to the client that behaves: %v", err)
	}
	if answer != request {
		c.t.Fatalf("asked %q, answered %q", request, answer)
	}
}

// tryDial connects from an address of this machine, in such a way that the connection ends with RST: there are many, and
// each that ends in order would keep a port for a minute.
func tryDial(from string, to netip.AddrPort) (*net.TCPConn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience, Control: portLater}
	conn, err := dialer.Dial("tcp", to.String())
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	return tcp, tcp.SetLinger(0)
}

// portLater has a socket get its port when it connects, one that others may listen on:
// before, it would have to be one that nobody has, to wherever.
func portLater(_, _ string, conn syscall.RawConn) (err error) {
	control := conn.Control(func(fd uintptr) {
		err = errors.Join(
			unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		)
	})
	return errors.Join(control, err)
}

// latencies are how long answers took.
type latencies []time.Duration

// at is a percentile.
func (l latencies) at(percent int) time.Duration {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l))
	return sorted[(len(sorted)-1)*percent/100].Round(time.Microsecond)
}
