// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package handover passes the listening sockets of a process to the one that takes its
// place, so that no client is refused in between: both have the same sockets, with one
// queue of clients, and there is no moment in which nobody listens. They meet at a Unix
// socket that only their user can reach. The next process asks for the sockets, gets
// ready while the one before goes on serving, and then relieves it. If it ends before
// that, nothing has happened. What is done with the sockets is the processes' own.
package handover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/socket"
)

// answerTime is how long a process may take for an answer that takes no work.
const answerTime = 5 * time.Second

// HandOver is the place of a process between the one before it and the one after it.
type HandOver struct {
	path   string
	before *before           // nil: there is none
	post   *net.UnixListener // where the next process asks
	own    fs.FileInfo       // of post, to know it again

	holders  atomic.Int32 // processes that have our sockets, 0 or 1
	relieved atomic.Bool  // by one of them: the path is its
	asking   sync.Mutex   // held while somebody has them
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[*net.UnixConn]bool // guarded by mu; nil once closed
}

// New finds out who is at path and gets its sockets, if there is somebody. It opens
// a socket beside path, to be moved there by Publish. The path may be of a socket that
// nobody listens on any more, and of nothing else; and who is there must be of the same
// user, or root.
func New(path string) (*HandOver, error) {
	h := &HandOver{path: path, conns: map[*net.UnixConn]bool{}}
	var err error
	if h.before, err = meet(path); err != nil {
		return nil, err
	}
	if h.post, h.own, err = openPost(h.ownPath()); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

func (h *HandOver) ownPath() string { return fmt.Sprintf("%s.%d", h.path, os.Getpid()) }

// openPost listens on path, for the own user only.
func openPost(path string) (*net.UnixListener, fs.FileInfo, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		var err error
		control := conn.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }) // before it has a name
		return cmp.Or(control, err)
	}}
	//nolint:forbidigo // for the look-up of a name, which a path is not
	l, err := config.Listen(context.Background(), "unixpacket", path)
	if err != nil {
		return nil, nil, err
	}
	post := l.(*net.UnixListener)
	post.SetUnlinkOnClose(false)
	own, err := os.Lstat(path)
	if err == nil && own.Mode().Perm() != 0o600 {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		_ = post.Close()
	}
	return post, own, err
}

// Inherited tells whether there was a process at the path, to be relieved.
func (h *HandOver) Inherited() bool { return h.before != nil }

// Take is the socket that the process before had by a name; nil if it had none, or it
// has been taken already.
func (h *HandOver) Take(name string) *net.TCPListener {
	if h.before == nil {
		return nil
	}
	return h.before.take(name)
}

// Relieve tells the process before, if there is one, that this one serves by the
// sockets which it took. The others are closed. When it returns without an error, the
// process before has let go of what was taken, and is on its way out. With an error it
// may not have heard.
func (h *HandOver) Relieve() error {
	if h.before == nil {
		return nil
	}
	return h.before.relieve()
}

// Publish has the next process meet this one at the path.
func (h *HandOver) Publish() error {
	if err := os.Rename(h.ownPath(), h.path); err != nil {
		return fmt.Errorf("hand-over: %w", err)
	}
	return nil
}

// Stop has nobody ask any more. Whoever has the sockets keeps them.
func (h *HandOver) Stop() {
	_ = h.post.Close()
	_ = os.Remove(h.ownPath()) // in vain once it is published
	if now, err := os.Lstat(h.path); err == nil && os.SameFile(now, h.own) && !h.relieved.Load() {
		_ = os.Remove(h.path)
	}
}

// Held tells whether the next process has the sockets.
func (h *HandOver) Held() bool { return h.holders.Load() > 0 }

// Close ends all conversations. A process before that has not been relieved goes on.
func (h *HandOver) Close() {
	if h.before != nil {
		h.before.close()
	}
	if h.post != nil {
		h.Stop()
	}
	h.mu.Lock()
	for conn := range h.conns {
		_ = conn.Close()
	}
	h.conns = nil
	h.mu.Unlock()
	h.serving.Wait()
}

// meet gets the sockets of the process at path; nil if there is none.
func meet(path string) (*before, error) {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return nil, err
		}
		return nil, nil
	case err != nil:
		return nil, err
	case file.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is there and is no socket: name another path, or remove it", path)
	}
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, nil // it has ended without a word
	}
	if err != nil {
		return nil, err
	}
	b := &before{conn: conn, sockets: map[string]int{}}
	if err := b.ask(); err != nil {
		b.close()
		return nil, fmt.Errorf("the process at %s: %w", path, err)
	}
	return b, nil
}

// before is the process before this one.
type before struct {
	conn *net.UnixConn

	mu      sync.Mutex
	sockets map[string]int // guarded by mu: name -> descriptor, of those not taken
	taken   []string       // guarded by mu
}

// ask gets the sockets.
func (b *before) ask() error {
	if err := trust(b.conn); err != nil {
		return err
	}
	_ = b.conn.SetDeadline(time.Now().Add(answerTime))
	if err := send(b.conn, message{Kind: kindAsk, Version: version}, nil); err != nil {
		return err
	}
	for more := true; more; {
		m, fds, err := receive(b.conn)
		if err != nil {
			return err
		}
		if err := b.keep(m, fds); err != nil {
			return err
		}
		more = m.More
	}
	_ = b.conn.SetDeadline(time.Time{})
	return nil
}

// keep takes the descriptors of a message, or closes them.
func (b *before) keep(m message, fds []int) error {
	err := m.expect(kindSockets)
	if err == nil && len(fds) != len(m.Names) {
		err = fmt.Errorf("%d sockets for %d names", len(fds), len(m.Names))
	}
	for i, fd := range fds {
		if err == nil && !listening(fd) {
			err = fmt.Errorf("what came as %s is no TCP socket that listens", m.Names[i])
		}
		if _, double := b.sockets[name(m, i)]; err == nil && double {
			err = fmt.Errorf("%s came twice", m.Names[i])
		}
		if err != nil {
			_ = unix.Close(fd)
			continue
		}
		b.sockets[m.Names[i]] = fd
	}
	if err == nil && len(b.sockets) > maxSockets {
		err = fmt.Errorf("more than %d sockets", maxSockets)
	}
	return err
}

func name(m message, i int) string {
	if i < len(m.Names) {
		return m.Names[i]
	}
	return ""
}

func (b *before) take(name string) *net.TCPListener {
	b.mu.Lock()
	defer b.mu.Unlock()
	fd, ok := b.sockets[name]
	if !ok {
		return nil
	}
	delete(b.sockets, name)
	defer func() { _ = unix.Close(fd) }()
	l, err := socket.Listener(fd)
	if err != nil {
		return nil
	}
	b.taken = append(b.taken, name)
	return l
}

func (b *before) relieve() error {
	defer b.close()
	b.mu.Lock()
	taken := b.taken
	b.mu.Unlock()
	b.drop() // before it is told: what nobody takes over it closes in its own way
	_ = b.conn.SetDeadline(time.Now().Add(answerTime))
	for rest := taken; ; {
		part := rest[:min(len(rest), atOnce)]
		rest = rest[len(part):]
		if err := send(b.conn, message{Kind: kindServing, Names: part, More: len(rest) > 0}, nil); err != nil {
			return err
		}
		if len(rest) == 0 {
			break
		}
	}
	m, _, err := receive(b.conn)
	if err != nil {
		return err
	}
	return m.expect(kindReleased)
}

// drop closes what nobody has taken.
func (b *before) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fd := range b.sockets {
		_ = unix.Close(fd)
	}
	b.sockets = nil
}

func (b *before) close() {
	b.drop()
	_ = b.conn.Close()
}
