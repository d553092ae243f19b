//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
)

// The backend: `bench serve`. It is written straight on epoll, one loop per core,
// so that it takes as little as possible of the cores that it shares with the
// proxy under test. With -tls it serves the same protocol over TLS (through
// crypto/tls, one goroutine per connection): the direct baseline of the TLS
// scenarios.
func serveMain(args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	var (
		listen = fs.String("listen", "127.0.0.1:0", "address of the plain listener")
		tlsOn  = fs.String("tls", "", "address of the TLS listener")
		cert   = fs.String("cert", "", "certificate file (PEM) of the TLS listener")
		key    = fs.String("key", "", "key file (PEM) of the TLS listener")
		id     = fs.Int("id", 1, "identity byte")
	)
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *tlsOn != "" {
		if err := serveTLS(*tlsOn, *cert, *key, byte(*id)); err != nil {
			return err
		}
	}
	return serveEpoll(*listen, byte(*id))
}

// serveEpoll accepts for ever, and deals the connections to one loop per core.
func serveEpoll(addr string, id byte) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	ln.Close()
	defer runtime.KeepAlive(f) // a collected file would be closed
	lfd := int(f.Fd())         // blocking from here on
	n := runtime.NumCPU()
	runtime.GOMAXPROCS(n + 2)
	loops := make([]*eventLoop, n)
	ended := make(chan error, n+1)
	for i := range loops {
		if loops[i], err = newEventLoop(id); err != nil {
			return err
		}
		go func() { ended <- loops[i].run() }()
	}
	go func() { ended <- accept(lfd, loops) }()
	return <-ended
}

func accept(lfd int, loops []*eventLoop) error {
	for i := 0; ; i++ {
		fd, _, err := syscall.Accept4(lfd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ECONNABORTED) {
			continue
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
			syscall.Close(fd)
			continue
		}
		loops[i%len(loops)].adopt(fd)
	}
}

// serveTLS starts the TLS listener and returns.
func serveTLS(addr, certFile, keyFile string, id byte) error {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	ln, err := tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				continue
			}
			go func() {
				defer c.Close()
				serveStream(c, id)
			}()
		}
	}()
	return nil
}

// serveStream serves one connection until it ends.
func serveStream(c net.Conn, id byte) {
	var head [headerLen]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return
	}
	if _, err := c.Write([]byte{id}); err != nil {
		return
	}
	switch mode, size := head[0], int(binary.BigEndian.Uint32(head[4:])); mode {
	case modeSource:
		sendForEver(c)
	case modeBoth:
		go sendForEver(c)
		drain(c)
	case modeSink:
		drain(c)
	case modeMessages:
		echo(c, size)
	}
}

func sendForEver(c net.Conn) {
	b := make([]byte, 64<<10)
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func echo(c net.Conn, size int) {
	b := make([]byte, size)
	for size > 0 {
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	drain(c)
}

func drain(c net.Conn) {
	b := make([]byte, 64<<10)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}
