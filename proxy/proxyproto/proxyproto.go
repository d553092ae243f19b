// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proxyproto reads and writes the PROXY protocol, versions 1 and 2: the header
// by which a proxy tells the next one, before anything else on a connection, who the
// client is. The formats are a library's; this package says how many bytes of what
// has come are the header, and what it means for a TCP connection. It does no IO.
package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	pp "github.com/pires/go-proxyproto"
)

// Sizes of headers in bytes.
const (
	minV1  = 15  // PROXY UNKNOWN, and the end of the line
	maxV1  = 107 // of the specification
	fixed  = 16  // of version 2, before addresses and TLVs
	maxV2  = fixed + 4096
	MaxLen = maxV2 // of the longest that is read
)

// ErrNone says that what was read is no header.
var ErrNone = errors.New("there is no PROXY header")

// Header says who is at the ends of a connection that came through a proxy.
type Header struct {
	// Local: the proxy speaks for itself, or of a client without a TCP address. The
	// ends are those of the connection, and Source and Destination are zero.
	Local       bool
	Source      netip.AddrPort
	Destination netip.AddrPort
	// TLVs of version 2 in their order, but for checksum and padding, which hold only
	// for the header that they came in.
	TLVs []TLV
}

// TLV is an extension: a type and a value.
type TLV = pp.TLV

// Read reads the header that b begins with. With a header, n is its size. Without
// header and error more bytes have to be there, at least n in all, and b may be read
// again then. b is not kept.
func Read(b []byte) (h *Header, n int, err error) {
	n, err = size(b)
	if err != nil || n > len(b) {
		return nil, n, err
	}
	h, err = parse(b[:n])
	return h, n, err
}

// size is how many bytes a header has, or how many are needed to know more of that.
func size(b []byte) (int, error) {
	switch {
	case begins(b, pp.SIGV1):
		line := b[:min(len(b), maxV1)]
		if end := bytes.Index(line, []byte("\r\n")); end >= 0 {
			return end + 2, nil
		}
		if len(line) == maxV1 {
			return 0, fmt.Errorf("the PROXY header has no end within %d bytes", maxV1)
		}
		return max(minV1, len(b)+1), nil
	case begins(b, pp.SIGV2):
		if len(b) < fixed {
			return fixed, nil
		}
		n := fixed + int(binary.BigEndian.Uint16(b[fixed-2:]))
		if n > maxV2 {
			return 0, fmt.Errorf("the PROXY header has %d bytes, which is more than %d", n, maxV2)
		}
		return n, nil
	default:
		return 0, ErrNone
	}
}

// begins tells whether b begins with a signature, or is the beginning of one.
func begins(b, signature []byte) bool {
	n := min(len(b), len(signature))
	return bytes.Equal(b[:n], signature[:n])
}

// parse reads a header that is whole.
func parse(b []byte) (*Header, error) {
	// What a proxy of version 2 says of a client without address, such as one on a Unix
	// socket; the library takes only the other form of that.
	const command, family, proxy, local = 12, 13, 0x21, 0x20
	if len(b) >= fixed && b[command] == proxy && b[family] == 0 && begins(b, pp.SIGV2) {
		b = slices.Clone(b)
		b[command] = local
	}
	read, err := pp.Read(bufio.NewReaderSize(bytes.NewReader(b), maxV1))
	if err != nil {
		return nil, fmt.Errorf("read the PROXY header: %w", err)
	}
	tlvs, err := read.TLVs()
	if err != nil && !read.Command.IsLocal() { // what follows that may be anything
		return nil, fmt.Errorf("read the extensions of the PROXY header: %w", err)
	}
	h := &Header{Local: true, TLVs: slices.DeleteFunc(tlvs, ofItself)}
	source, destination, ok := read.TCPAddrs()
	if ok && !read.Command.IsLocal() {
		h.Local, h.Source, h.Destination = false, address(source), address(destination)
	}
	return h, nil
}

// ofItself tells whether a TLV is about the header that it is in.
func ofItself(t TLV) bool { return t.Type == pp.PP2_TYPE_CRC32C || t.Type == pp.PP2_TYPE_NOOP }

func address(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// Format writes the header in version 1, which has no TLVs, or 2. An error says that
// there is no such version, or that the TLVs are longer than it can tell.
func (h *Header) Format(version byte) ([]byte, error) {
	wire := &pp.Header{Version: version, Command: pp.LOCAL, TransportProtocol: pp.UNSPEC}
	if !h.Local {
		wire = pp.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(h.Source), net.TCPAddrFromAddrPort(h.Destination))
		wire.Version = version
	}
	if err := wire.SetTLVs(h.TLVs); err != nil {
		return nil, err
	}
	return wire.Format()
}
