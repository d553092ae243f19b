// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	// usual is how much is written or read at a time.
	usual = 64 * kib
	// stuck is the time without a byte after which a write counts as stuck.
	stuck = 100 * time.Millisecond
)

// step is one thing that a peer does.
type step func(p *peer)

// send sends n bytes of the stream.
func send(n int64) step { return sendBy(n, usual) }

// sendBy sends n bytes with writes of size bytes.
func sendBy(n int64, size int) step {
	return func(p *peer) {
		buffer := make([]byte, size)
		for left := n; left > 0 && !p.broken; {
			piece := buffer[:min(left, int64(size))]
			_, _ = p.random.Read(piece) // never fails
			p.write(piece)
			left -= int64(len(piece))
		}
	}
}

// fill sends until everything between the peers is full.
func fill(p *peer) {
	p.varies = true
	defer func() { _ = p.conn.SetWriteDeadline(time.Now().Add(patience)) }()
	for piece := make([]byte, usual); ; {
		_ = p.conn.SetWriteDeadline(time.Now().Add(stuck))
		before := *p.random
		_, _ = p.random.Read(piece)
		n, err := p.conn.Write(piece)
		p.sent += int64(n)
		if err != nil { // the rest of the piece is to be the next that is sent
			*p.random = before
			_, _ = p.random.Read(piece[:n])
		}
		if err != nil && n == 0 {
			return
		}
	}
}

// sendUntilBroken sends a byte now and then, until that fails.
func sendUntilBroken(p *peer) {
	p.varies = true
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !p.broken {
		send(1)(p)
		<-tick.C
	}
}

// sendUntilRefused sends until the connection is gone.
func sendUntilRefused(p *peer) {
	p.varies = true
	for !p.broken {
		send(usual)(p)
	}
}

// sendWithFIN sends n bytes, the last of them in one segment with the FIN.
func sendWithFIN(n int64) step {
	return func(p *peer) {
		p.set(unix.IPPROTO_TCP, unix.TCP_CORK, 1)
		send(n)(p)
		shut(p)
	}
}

// sendUrgent sends a byte beside the stream.
func sendUrgent(p *peer) {
	p.control(func(fd int) error { return unix.Sendto(fd, []byte{'!'}, unix.MSG_OOB, nil) })
}

// receive takes the next n bytes.
func receive(n int64) step {
	return func(p *peer) {
		if missing := p.read(n, usual); missing > 0 {
			p.t.Errorf("%s, with %d bytes still to come", p.end, missing)
		}
	}
}

// receiveEnd takes all that comes.
func receiveEnd(p *peer) { p.read(-1, usual) }

// receiveBy takes all that comes, size bytes at a time.
func receiveBy(size int) step { return func(p *peer) { p.read(-1, size) } }

// shut says that nothing more will be sent.
func shut(p *peer) {
	if p.keys != nil && p.speak.CloseWrite() != nil { // which may have been told of a reset
		p.broken = true
	}
	p.shut.Store(!p.broken)
	_ = p.conn.CloseWrite()
}

// reset ends the connection with RST.
func reset(p *peer) {
	_ = p.conn.SetLinger(0)
	_ = p.conn.Close()
}

// hangUp closes the connection; the kernel makes a RST of it if there is something
// to read.
func hangUp(p *peer) { _ = p.conn.Close() }

// drain has the proxy end, with no time for its connections.
func drain(p *peer) { p.drain() }

// rest lets so much time pass that the connection is at rest.
func rest(*peer) { <-time.After(1500 * time.Millisecond) }

// awaitReset waits until the kernel has a RST, and leaves what came before it.
func awaitReset(p *peer) {
	const closed = 7 // TCP_CLOSE
	eventually(p.t, func() (err error) {
		p.control(func(fd int) error {
			info, bad := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			if bad == nil && info.State != closed {
				err = errors.New("no reset came")
			}
			return bad
		})
		return err
	})
}

// awaitInput waits until there is something to read, and leaves it there.
func awaitInput(p *peer) {
	raw, err := p.conn.SyscallConn()
	if err != nil {
		p.t.Error(err)
		return
	}
	err = raw.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil
	})
	if err != nil {
		p.t.Errorf("wait for input: %v", err)
	}
}

// tell lets who awaits a mark go on.
func tell(mark string) step { return func(p *peer) { close(p.marks.get(mark)) } }

// await waits for a mark.
func await(mark string) step {
	return func(p *peer) {
		select {
		case <-p.marks.get(mark):
		case <-time.After(patience):
			p.t.Errorf("waited in vain for the mark %q", mark)
		}
	}
}

// atOnce does two scripts at the same time, one that sends and one that receives.
func atOnce(sending, receiving []step) step {
	return func(p *peer) {
		var both sync.WaitGroup
		for _, script := range [][]step{sending, receiving} {
			both.Go(func() {
				for _, do := range script {
					do(p)
				}
			})
		}
		both.Wait()
	}
}

// exchange sends by the script and receives until the end at the same time.
func exchange(sending ...step) step { return atOnce(sending, []step{receiveEnd}) }

// steps is a script.
func steps(s ...step) []step { return s }

func (p *peer) set(level, option, value int) {
	p.control(func(fd int) error { return unix.SetsockoptInt(fd, level, option, value) })
}

func (p *peer) control(f func(fd int) error) {
	raw, err := p.conn.SyscallConn()
	if err == nil {
		var inner error
		err = raw.Control(func(fd uintptr) { inner = f(int(fd)) })
		if err == nil {
			err = inner
		}
	}
	if err != nil {
		p.t.Error(err)
	}
}
