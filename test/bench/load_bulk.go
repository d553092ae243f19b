//go:build linux

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

const gib = 1 << 30

// streams are connections that move bytes as fast as they can.
type streams struct {
	conns []net.Conn
	bytes atomic.Int64
	ended atomic.Int64 // pumps
	wg    sync.WaitGroup
}

// stream opens n connections and has them move bytes as c's mode says.
func (c *client) stream(n int) (*streams, error) {
	mode := map[string]byte{"down": modeSource, "up": modeSink, "both": modeBoth}[c.Mode]
	if mode == 0 {
		return nil, fmt.Errorf("no such mode: %q", c.Mode)
	}
	conns, err := c.dialAll(n, mode, 0)
	if err != nil {
		return nil, err
	}
	s := &streams{conns: conns}
	for _, conn := range conns {
		if mode != modeSink {
			s.wg.Go(func() { s.pump(conn.Read) })
		}
		if mode != modeSource {
			s.wg.Go(func() { s.pump(conn.Write) })
		}
	}
	return s, nil
}

func (s *streams) pump(move func([]byte) (int, error)) {
	b := make([]byte, ioChunk)
	for {
		n, err := move(b)
		s.bytes.Add(int64(n))
		if err != nil {
			s.ended.Add(1)
			return
		}
	}
}

// moved is what has been moved, in GiB.
func (s *streams) moved() float64 { return float64(s.bytes.Load()) / gib }

func (s *streams) close() {
	closeAll(s.conns)
	s.wg.Wait()
}

// runBulk streams over Conns connections and counts bytes.
func runBulk(c *client) (metrics, error) {
	s, err := c.stream(c.Conns)
	if err != nil {
		return nil, err
	}
	defer s.close()
	m, amount := c.measured(new(atomic.Int32), s.moved, "gib")
	if amount == 0 {
		return nil, errors.New("no byte was moved")
	}
	m["gib_per_s"] = m["gibs_per_s"]
	delete(m, "gibs_per_s")
	m["errors"] = float64(s.ended.Load())
	return m, nil
}
