// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hello reads what a TLS client asks for in the first thing that it says, its
// ClientHello, so that its connection can be routed before anybody answers. crypto/tls
// reads it; this package says how many bytes of what has come it takes. It does no IO,
// and no byte is used up by it.
package hello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	maxMessage = 16 << 10 // bytes of a ClientHello
	maxName    = 253      // bytes of a host name
	// MaxLen is the number of bytes in which a ClientHello has to come. Those beyond
	// its own are for the headers of the records that it may be split into.
	MaxLen = maxMessage + 4<<10
)

// ErrNone says that what was read is no TLS.
var ErrNone = errors.New("it is no TLS")

// errTooLong: a ClientHello with the largest key shares there are has 2 KiB.
var errTooLong = fmt.Errorf("the ClientHello is larger than %d bytes", maxMessage)

// Hello is what a client asks for.
type Hello struct {
	Name      string   // of the server (SNI), in lower case; empty: none
	Protocols []string // ALPN, in the client's order; none: no protocol
}

// Read reads the ClientHello that b begins with. Without it and error more bytes have to
// be there, n in all, and b may be read again then. ErrNone says that another protocol
// is spoken, any other error that TLS is spoken wrongly. b is not kept.
//
// What was announced is awaited before anything is parsed, so that a client which sends
// it in many small pieces costs little.
func Read(b []byte) (h *Hello, n int, err error) {
	n, err = size(b)
	if err != nil || n > len(b) {
		return nil, n, err
	}
	h, err = parse(b[:n])
	return h, n, err
}

// Of the headers in front of a ClientHello.
const (
	recordHeader  = 5 // type, version (2 bytes), length (2 bytes)
	messageHeader = 4 // type, length (3 bytes)

	handshake   = 22
	version     = 3
	clientHello = 1
)

// size is how many bytes the records of a ClientHello have, or how many are needed to
// know more of that.
func size(b []byte) (int, error) {
	var message [messageHeader]byte
	have, whole := 0, messageHeader // of the message, in the records so far
	at := 0
	for have < whole {
		if !begins(b[at:], handshake, version) {
			if at > 0 {
				return 0, errors.New("the ClientHello has no end")
			}
			return 0, ErrNone
		}
		if at+recordHeader > len(b) {
			return within(at + recordHeader)
		}
		length := int(binary.BigEndian.Uint16(b[at+recordHeader-2:]))
		if length == 0 {
			return 0, errors.New("a record of the ClientHello is empty")
		}
		at += recordHeader
		if have < messageHeader {
			known := have + copy(message[have:], b[at:min(at+length, len(b))])
			if known > 0 && message[0] != clientHello {
				return 0, ErrNone
			}
			if known == messageHeader {
				whole += int(binary.BigEndian.Uint32(message[:]) & 0xffffff)
			}
		}
		if whole > maxMessage {
			return 0, errTooLong
		}
		have, at = have+length, at+length
		if at > len(b) {
			return within(at)
		}
	}
	return within(at)
}

func within(n int) (int, error) {
	if n > MaxLen {
		return 0, errTooLong
	}
	return n, nil
}

// begins tells whether b begins with a start, or is the beginning of it.
func begins(b []byte, start ...byte) bool {
	n := min(len(b), len(start))
	return bytes.Equal(b[:n], start[:n])
}

// parse has crypto/tls read a ClientHello that is whole.
func parse(b []byte) (*Hello, error) {
	var h *Hello
	done := errors.New("done")
	err := tls.Server(&readOnly{bytes.NewReader(b)}, &tls.Config{
		GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			h = &Hello{Name: strings.ToLower(info.ServerName), Protocols: info.SupportedProtos}
			return nil, done
		},
	}).Handshake()
	switch {
	case h == nil:
		return nil, fmt.Errorf("read the ClientHello: %w", err)
	case len(h.Name) > maxName:
		return nil, fmt.Errorf("the client asks for a host name of %d bytes, and none has more than %d", len(h.Name), maxName)
	}
	return h, nil
}

// readOnly is a connection that can only be read.
type readOnly struct{ *bytes.Reader }

func (readOnly) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (readOnly) Close() error                     { return nil }
func (readOnly) LocalAddr() net.Addr              { return nil }
func (readOnly) RemoteAddr() net.Addr             { return nil }
func (readOnly) SetDeadline(time.Time) error      { return nil }
func (readOnly) SetReadDeadline(time.Time) error  { return nil }
func (readOnly) SetWriteDeadline(time.Time) error { return nil }

// WriteTo would let a reader pass by.
func (r readOnly) Read(b []byte) (int, error) { return r.Reader.Read(b) }

// Alert is a fatal alert of TLS, as it is sent before anything is agreed upon.
type Alert [7]byte

// NoName says that nobody has the name that the client asks for (unrecognized_name).
func NoName() Alert { return alert(112) }

// NoProtocol says that who has that name speaks none of the client's protocols
// (no_application_protocol).
func NoProtocol() Alert { return alert(120) }

func alert(description byte) Alert { return Alert{21, 3, 3, 0, 2, 2, description} }
