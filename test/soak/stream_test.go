//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// patience is how long anything may stand still that is to move.
	patience = 30 * time.Second
	piece    = 64 << 10 // bytes that are written or read at a time
)

// conn is a stream that can be closed for writing, and reset.
type conn interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
}

// header opens a conversation: the client says what both will do.
type header struct {
	Kind     uint8
	Up, Down uint32 // bytes of a stream of the client and of the backend, or of a message
	Rounds   uint32 // of messages
	Hold     uint32 // milliseconds that the backend waits before it answers
	Start    uint32 // where in the block the streams begin
	From     uint16 // the client's port, if the endpoint is told of the client; else 0
}

// telling begins the header of version 2 of the PROXY protocol that tells of a client of
// TCP over IPv4, and has no extensions; told is the size of all of it, which ends with
// the ports of the client and of what it has connected to.
const (
	telling = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
	told    = 28
)

// headerSize is the size of a header on the wire.
const headerSize = 23

func (h header) write(c net.Conn) error {
	return binary.Write(c, binary.BigEndian, h)
}

// readHeader reads the header, and what comes before it where a proxy tells of the client.
// It waits longer than a proxy has a connection ready.
func readHeader(c net.Conn) (h header, err error) {
	_ = c.SetReadDeadline(time.Now().Add(2 * patience))
	b := make([]byte, told) // of which a header takes less
	if _, err := io.ReadFull(c, b[:headerSize]); err != nil {
		return h, err
	}
	var from uint16
	if bytes.HasPrefix(b, []byte(telling)) {
		if _, err := io.ReadFull(c, b[headerSize:]); err != nil {
			return h, err
		}
		from = binary.BigEndian.Uint16(b[told-4:])
		if _, err := io.ReadFull(c, b[:headerSize]); err != nil {
			return h, err
		}
	}
	if _, err := binary.Decode(b, binary.BigEndian, &h); err != nil {
		return h, err
	}
	if from != h.From {
		return h, fmt.Errorf("%w: told of a client at port %d, which is at port %d", errWrong, from, h.From)
	}
	return h, nil
}

// block is what all streams are made of: each begins somewhere else in it, and goes
// round. So no byte has to be drawn or hashed, and a stream that has lost, doubled
// or taken over bytes differs from what it is to be.
type block []byte

func newBlock(random *rand.ChaCha8) block {
	b := make(block, 1<<20+7919)
	_, _ = random.Read(b) // never fails
	return b
}

// next are at most n bytes from a place.
func (b block) next(place, n int) []byte {
	place %= len(b)
	return b[place:min(len(b), place+n)]
}

// errWrong is what no cause excuses.
var errWrong = errors.New("wrong bytes")

// send writes a stream of n bytes.
func (b block) send(c net.Conn, start, n uint32) error {
	for done := 0; done < int(n); {
		p := b.next(int(start)+done, min(piece, int(n)-done))
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write(p); err != nil {
			return fmt.Errorf("send at byte %d of %d: %w", done, n, err)
		}
		done += len(p)
	}
	return nil
}

// receive reads a stream of n bytes and holds each against what it is to be.
func (b block) receive(c net.Conn, start, n uint32) error {
	buffer := make([]byte, min(piece, int(n)))
	for done := 0; done < int(n); {
		want := b.next(int(start)+done, min(piece, int(n)-done))
		_ = c.SetReadDeadline(time.Now().Add(patience))
		got, err := c.Read(buffer[:len(want)])
		if !bytes.Equal(buffer[:got], want[:got]) {
			return fmt.Errorf("%w after byte %d of %d", errWrong, done, n)
		}
		done += got
		if err != nil && done < int(n) {
			return fmt.Errorf("receive at byte %d of %d: %w", done, n, err)
		}
	}
	return nil
}

// receiveEnd wants the end of a stream, and nothing before it.
func receiveEnd(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, err := c.Read(make([]byte, 1))
	switch {
	case n > 0:
		return fmt.Errorf("%w: more than there was to be", errWrong)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return fmt.Errorf("receive the end: %w", err)
	}
}

// both does two things at once and returns what went wrong with either.
func both(one, other func() error) error {
	var second error
	var wait sync.WaitGroup
	wait.Go(func() { second = other() })
	first := one()
	wait.Wait()
	return errors.Join(first, second)
}

// steps does things in turn until one fails.
func steps(all ...func() error) error {
	for _, do := range all {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
