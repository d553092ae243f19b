//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// client is what a load runs with.
type client struct {
	loadSpec
	next atomic.Uint32 // source addresses used so far
}

func (c *client) tlsConfig(cache tls.ClientSessionCache) *tls.Config {
	return &tls.Config{
		ServerName:         serverName,
		InsecureSkipVerify: true, // the client's verification is not what is measured
		MinVersion:         tls.VersionTLS13,
		// One key exchange that all servers have, so that they do equal work:
		// OpenSSL 3.0 lacks the hybrid that Go prefers.
		CurvePreferences:   []tls.CurveID{tls.X25519},
		ClientSessionCache: cache,
	}
}

// dial opens one connection, with the identity exchange done: then the proxy
// has reached a backend.
func (c *client) dial(mode byte, size int, conf *tls.Config) (net.Conn, byte, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if c.Sources > 0 {
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+c.next.Add(1)%uint32(c.Sources)))}
		d.Control = portLater
	}
	conn, err := d.Dial("tcp", c.Target)
	if err != nil {
		return nil, 0, err
	}
	if conf != nil {
		conn = tls.Client(conn, conf)
	}
	id, err := introduce(conn, mode, size)
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	return conn, id, nil
}

// portLater has the kernel choose a port at connect, when it knows the other end.
func portLater(_, _ string, rc syscall.RawConn) error {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT
	var failed error
	err := rc.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
	})
	if err != nil {
		return err
	}
	return failed
}

// introduce sends the header, and returns the backend's identity.
func introduce(conn net.Conn, mode byte, size int) (id byte, err error) {
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, err
	}
	var answer [1]byte
	if _, err := conn.Write(header(mode, size)); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return 0, err
	}
	return answer[0], conn.SetDeadline(time.Time{})
}

// dialAll opens n connections, a few at once.
func (c *client) dialAll(n int, mode byte, size int) ([]net.Conn, error) {
	conns := make([]net.Conn, n)
	var conf *tls.Config
	if c.TLS {
		conf = c.tlsConfig(nil)
	}
	err := parallel(min(n, 32), n, func(i int) error {
		var err error
		for range 3 {
			if conns[i], _, err = c.dial(mode, size, conf); err == nil {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		return err
	})
	if err != nil {
		closeAll(conns)
	}
	return conns, err
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
}
