// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// peer is one end of a conversation: it does what its script says, and notes what
// it sees. Sending and receiving may be on two goroutines.
type peer struct {
	t     testing.TB
	conn  *net.TCPConn
	keys  *tls.Config // nil: it speaks in the clear
	speak stream      // over conn
	marks *marks
	drain func() // of the proxy between the peers

	random *rand.ChaCha8 // what it sends
	other  [32]byte      // seed of what it receives
	sent   int64         // bytes
	broken bool          // it could not send all it wanted
	shut   atomic.Bool   // it has said FIN
	varies bool          // how much it sent depends on the size of buffers
	got    int64         // bytes
	sum    hash.Hash     // of them
	end    string        // of what it receives: FIN, RST, or empty if it did not look
}

func newPeer(w *world, m *marks, own, other byte) *peer {
	return &peer{t: w.t, marks: m, drain: w.drain, random: rand.NewChaCha8([32]byte{own}), other: [32]byte{other}, sum: sha256.New()}
}

// run does a script, and closes the connection.
func (p *peer) run(conn *net.TCPConn, script []step) {
	if p.conn == nil && !p.begin(conn) {
		return
	}
	for _, do := range script {
		do(p)
	}
	_ = conn.Close() // may have been done
}

// begin is ready to speak over a connection, or closes it.
func (p *peer) begin(conn *net.TCPConn) bool {
	p.conn, p.speak = conn, conn
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		p.t.Error(err)
	}
	if p.keys != nil && !p.shake() {
		_ = conn.Close()
		return false
	}
	return true
}

// write sends bytes, of the stream or beside it.
func (p *peer) write(b []byte) {
	n, err := p.speak.Write(b)
	p.sent += int64(n)
	if err != nil {
		p.broken = true
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Error("a write gets nowhere")
	}
}

// read receives at most size bytes at a time, until there are want more or the
// stream ends. want below 0 means the end. It returns how many are missing.
func (p *peer) read(want int64, size int) (missing int64) {
	buffer := make([]byte, size)
	for want != 0 && p.end == "" {
		piece := buffer
		if want > 0 {
			piece = buffer[:min(want, int64(size))]
		}
		n, err := p.speak.Read(piece)
		p.got += int64(n)
		p.sum.Write(piece[:n])
		want = max(want-int64(n), -1)
		p.end = p.ending(err)
	}
	return max(want, 0)
}

// ending names how a stream ended; empty if it has not.
func (p *peer) ending(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = p.verified(err)
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.ECONNRESET):
		return "RST"
	case errors.Is(err, io.EOF):
		return "FIN"
	case errors.Is(err, net.ErrClosed): // by its own script
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "silence"
	default:
		return err.Error()
	}
}

// verified is the error that an end of input stands for. The kernel tells of a reset
// once, and may have told a write; what reads then finds the end of input.
func (p *peer) verified(end error) error {
	const closed = 7 // TCP_CLOSE; after FIN of both sides too
	result := end
	raw, err := p.conn.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		switch {
		case err != nil:
			result = err
		case info.State == closed && !p.shut.Load():
			result = syscall.ECONNRESET
		}
	})
	if err != nil {
		return net.ErrClosed // before it could be asked
	}
	return result
}

// observed is what a peer has seen.
type observed struct {
	Got   string // nothing, all, a part, some, the beginning, or wrong bytes
	End   string
	Bytes int64  // that it got, if all
	Sum   string // of them
}

// sees compares what it got with what the other sent.
func (p *peer) sees(other *peer) observed {
	o := observed{End: p.end}
	switch want := sha256.New(); {
	case p.got > other.sent || copyStream(want, p.other, p.got) != nil || !bytes.Equal(want.Sum(nil), p.sum.Sum(nil)):
		o.Got = fmt.Sprintf("wrong bytes: %d of %d", p.got, other.sent)
	case p.got == 0 && p.end == "":
		o.Got = "nothing"
	case p.end == "" && other.varies:
		o.Got = "some"
	case p.end == "RST":
		o.Got = "the beginning" // a reset overtakes what nobody has taken
	case p.got < other.sent:
		o.Got = "a part"
	case p.got == 0:
		o.Got = "nothing"
	default:
		o.Got = "all"
	}
	if o.Got == "all" && !other.varies {
		o.Bytes, o.Sum = p.got, fmt.Sprintf("%x", p.sum.Sum(nil))
	}
	return o
}

// bad tells that what a peer got is not what was sent.
func (o observed) bad() bool { return strings.HasPrefix(o.Got, "wrong") }

// copyStream writes the first n bytes of what a peer sends.
func copyStream(w io.Writer, seed [32]byte, n int64) error {
	_, err := io.CopyN(w, rand.NewChaCha8(seed), n)
	return err
}

// String is what a table of scenarios wants.
func (o observed) String() string {
	if o.End == "" {
		return o.Got
	}
	return o.Got + ", " + o.End
}

// marks are what peers wait for each other with.
type marks struct {
	mu   sync.Mutex
	made map[string]chan struct{} // guarded by mu
}

func (m *marks) get(name string) chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil {
		m.made = map[string]chan struct{}{}
	}
	if m.made[name] == nil {
		m.made[name] = make(chan struct{})
	}
	return m.made[name]
}
