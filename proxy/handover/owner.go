// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Owner is whose sockets are handed over.
type Owner struct {
	// Sockets are descriptors of all sockets, by name; they are the caller's then.
	Sockets func() (map[string]int, error)
	// Release stops this process from accepting, because another one serves. It lets
	// go of the sockets that are kept as they are, closes the others as usual, and
	// returns when that is under way.
	Release func(kept func(name string) bool)
	// Log is told what came of it. Required.
	Log func(text string, err error)
}

// Serve answers processes that want to take over, one at a time, until Stop.
func (h *HandOver) Serve(o Owner) {
	for {
		conn, err := h.post.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // a lack of descriptors
			<-time.After(100 * time.Millisecond)
			continue
		}
		if !h.begin(conn) {
			return
		}
		h.serving.Go(func() {
			defer h.finish(conn)
			if err := h.converse(conn, o); err != nil {
				o.Log("a process that asked for the ports has not taken over; going on", err)
			}
		})
	}
}

func (h *HandOver) begin(conn *net.UnixConn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		_ = conn.Close()
		return false
	}
	h.conns[conn] = true
	return true
}

func (h *HandOver) finish(conn *net.UnixConn) {
	_ = conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
}

// converse is the whole conversation with a process that wants to take over.
func (h *HandOver) converse(conn *net.UnixConn, o Owner) error {
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	if err := h.admit(conn); err != nil {
		_ = send(conn, message{Kind: kindError, Text: err.Error()}, nil)
		return err
	}
	defer h.asking.Unlock()
	h.holders.Add(1)
	defer h.holders.Add(-1)
	if err := give(conn, o); err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Time{}) // it gets ready for as long as it takes, or ends
	o.Log("a process is about to take over", nil)
	kept := map[string]bool{}
	for more := true; more; {
		m, _, err := receive(conn)
		if err == nil {
			err = m.expect(kindServing)
		}
		if err != nil {
			return err
		}
		for _, name := range m.Names {
			kept[name] = true
		}
		more = m.More && len(kept) <= maxSockets
	}
	h.relieved.Store(true)
	o.Release(func(name string) bool { return kept[name] })
	o.Log("another process has taken over", nil)
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	_ = send(conn, message{Kind: kindReleased}, nil) // it goes on without, if it has given up waiting
	return nil
}

// admit checks who asks, and how. If there is no error, h.asking is held.
func (h *HandOver) admit(conn *net.UnixConn) error {
	if err := trust(conn); err != nil {
		return err
	}
	m, _, err := receive(conn)
	if err != nil {
		return err
	}
	switch err := m.expect(kindAsk); {
	case err != nil:
		return err
	case m.Version != version:
		return errVersion
	case !h.asking.TryLock():
		return errBusy
	}
	return nil
}

var (
	errVersion = errors.New("the other process speaks of handing over in another way: stop this one and start the other")
	errBusy    = errors.New("another process is about to take over already")
)

// give sends all sockets.
func give(conn *net.UnixConn, o Owner) error {
	sockets, err := o.Sockets()
	if err != nil {
		return err
	}
	defer func() {
		for _, fd := range sockets {
			_ = unix.Close(fd)
		}
	}()
	for rest := slices.Sorted(maps.Keys(sockets)); ; {
		part := rest[:min(len(rest), atOnce)]
		rest = rest[len(part):]
		fds := make([]int, len(part))
		for i, name := range part {
			fds[i] = sockets[name]
		}
		if err := send(conn, message{Kind: kindSockets, Names: part, More: len(rest) > 0}, fds); err != nil {
			return err
		}
		if len(rest) == 0 {
			return nil
		}
	}
}
