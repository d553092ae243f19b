// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

const (
	version    = 1
	maxMessage = 64 << 10 // bytes
	atOnce     = 100      // sockets in a message; the kernel takes 253
	maxSockets = 10000    // in all
)

// kind of a message, in the order in which they come.
type kind string

const (
	kindAsk      kind = "ask"      // for the sockets
	kindSockets  kind = "sockets"  // some of them, or all
	kindServing  kind = "serving"  // by these
	kindReleased kind = "released" // what was taken
	kindError    kind = "error"
)

// message is a packet of the conversation, in JSON. The descriptors of sockets come
// beside it, in the order of their names.
type message struct {
	Kind    kind     `json:"kind"`
	Version int      `json:"version,omitempty"`
	Names   []string `json:"names,omitempty"`
	More    bool     `json:"more,omitempty"` // of the same kind follow
	Text    string   `json:"text,omitempty"` // of an error
}

// expect returns an error unless the message is of a kind.
func (m message) expect(want kind) error {
	switch m.Kind {
	case want:
		return nil
	case kindError:
		return fmt.Errorf("it says: %.200s", m.Text)
	default:
		return fmt.Errorf("a message %.20q came, where %q was due", m.Kind, want)
	}
}

func send(conn *net.UnixConn, m message, fds []int) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(text) > maxMessage {
		return fmt.Errorf("a message of %d bytes", len(text))
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = conn.WriteMsgUnix(text, rights, nil)
	return err
}

// receive reads a message. The descriptors are the caller's, who closes them; there
// are none beside an error.
func receive(conn *net.UnixConn) (message, []int, error) {
	text, rights := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4*atOnce))
	n, beside, flags, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return message{}, nil, err
	}
	fds := descriptors(rights[:beside])
	m, err := parse(text[:n])
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errors.New("a message is too long")
	}
	if err != nil {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		return message{}, nil, err
	}
	return m, fds, nil
}

// parse reads a packet.
func parse(text []byte) (m message, err error) {
	if len(text) == 0 { // the end
		return m, io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("a message that is none: %w", err)
	}
	if len(m.Names) > atOnce {
		return m, fmt.Errorf("%d names in a message", len(m.Names))
	}
	return m, nil
}

// descriptors are those that came beside a message.
func descriptors(rights []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for i := range messages {
		if some, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, some...)
		}
	}
	return fds
}

// listening tells whether a descriptor is of a TCP socket that listens.
func listening(fd int) bool {
	kind, errKind := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	listens, errListens := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	_, errTCP := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
	return errKind == nil && kind == unix.SOCK_STREAM && errListens == nil && listens != 0 && errTCP == nil
}
