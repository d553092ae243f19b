// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package relay moves bytes between a client and an endpoint that are connected,
// until both directions have ended, and says how it came to that. It closes both
// connections. It neither chooses nor dials, and looks at no byte.
//
// The end of input on one side becomes the end of output on the other, and the
// opposite direction goes on. A reset on one side becomes a reset on the other,
// once what had arrived before it has been written; like any reset it overtakes
// what the receiver's kernel has not taken yet. A connection that the proxy ends
// by itself ends with FIN if it was at rest, and with RST in the middle of a
// stream, so that a part cannot pass for the whole.
package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wye-dev/wye/proxy/flow"
	"github.com/wye-dev/wye/proxy/socket"
)

// tick is the time after which bytes that have been written are counted at the latest.
const tick = time.Second

// Limits of an established connection.
type Limits struct {
	Idle     time.Duration // longest time without a byte either way; 0: no limit
	Lifetime time.Duration // longest time in all; 0: no limit
	// BytesPerSecond is what each direction moves at most, after a second's worth. 0: no limit.
	BytesPerSecond uint64
	// Reins that others hold meanwhile. nil: nobody does.
	Reins *Reins
}

// End is a connection with one of the two sides.
type End struct {
	// TCP is the accepted or dialled connection itself: the kernel moves bytes by
	// splice(2) only between those.
	TCP *net.TCPConn
	// TLS is over it, after the handshake; nil: the side speaks in the clear.
	TLS *tls.Conn
}

// Copy relays until the connection ends and notes in c the bytes, while they
// move, and what the system said. When ctx ends, it ends the connection with the
// outcome DrainDeadline.
func Copy(ctx context.Context, client, backend End, limits Limits, c *flow.Conn) flow.Outcome {
	s := &session{client: client, backend: backend, limits: limits, tick: tick, began: time.Now(), stopped: make(chan struct{})}
	if limits.Idle > 0 {
		s.tick = min(tick, limits.Idle/4)
	}
	s.account = c
	s.touch()
	stop := s.watch(ctx)
	limits.Reins.take(s)
	defer limits.Reins.take(nil)
	var halves sync.WaitGroup
	halves.Go(func() { s.half(backend, client, c.Bytes.AddReceived) })
	s.half(client, backend, c.Bytes.AddSent)
	halves.Wait()
	stop()
	c.Err = s.err
	return s.finish()
}

// session is a connection being relayed.
type session struct {
	client, backend End
	limits          Limits
	tick            time.Duration
	last            atomic.Int64   // when bytes were last counted, in Unix nanoseconds
	outcome         atomic.Uint32  // a flow.Outcome: what ended it first, Open for nothing
	err             error          // what the system said to that; the half that notes the outcome writes it
	shut            [2]atomic.Bool // the client's end, the backend's end has been told that nothing more comes
	cut             atomic.Bool    // both halves are to stop at once
	began           time.Time
	stopped         chan struct{} // closed when cut is set
	account         *flow.Conn
	told            sync.Once // that the endpoint has dropped it
}

// half relays one direction to its end and passes that end on.
func (s *session) half(dst, src End, moved func(int64)) {
	err := s.copyHalf(dst, src, moved)
	switch {
	case s.cut.Load():
	case err != nil:
		s.broken(dst, src, err)
	case gone(src.TCP) && !s.end(src).Load():
		// The kernel tells of a reset once, and has told the half that writes there.
		s.broken(dst, src, syscall.ECONNRESET)
	case s.ended() == flow.Open:
		if src == s.backend {
			s.dropped()
		}
		// An error here means that dst is gone, which the other half will find: it is told
		// of a reset, unless writing was. Then it is not to take that for the end.
		if dst.TLS == nil || dst.TLS.CloseWrite() == nil {
			s.end(dst).Store(true)
		}
		_ = dst.TCP.CloseWrite()
	}
}

// copyHalf moves src to dst until EOF. While bytes move it wakes every tick to
// count them; while src is quiet it sleeps, and holds no pipe.
func (s *session) copyHalf(dst, src End, moved func(int64)) error {
	readable, err := readiness(src.TCP)
	if err != nil {
		return err
	}
	pace := s.paced()
	for inside := src.TLS != nil; ; {
		_ = src.TCP.SetReadDeadline(time.Time{}) // on a closed connection the next call fails
		if s.cut.Load() {
			return nil
		}
		// What came right behind the handshake is with the tls.Conn already, and so may
		// be what the pace has left.
		if !inside {
			if err := readable(); err != nil {
				return err
			}
		}
		pace.await()
		_ = src.TCP.SetReadDeadline(time.Now().Add(s.tick))
		if s.cut.Load() {
			return nil
		}
		n, err := move(dst, src, pace)
		if n > 0 {
			s.touch()
			moved(n)
		}
		if pace.spend(n) && err == nil {
			inside = src.TLS != nil
			continue
		}
		inside = false
		spliced := dst.TLS == nil && src.TLS == nil
		if stalled := n == 0 && errors.Is(err, os.ErrDeadlineExceeded); spliced && (err == nil || stalled) {
			if n, err = s.urgent(dst.TCP, src.TCP); n > 0 {
				moved(n)
				continue
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err // nil at EOF
		}
	}
}

// move moves bytes from src to dst until src ends or is quiet for too long.
func move(dst, src End, pace *pace) (int64, error) {
	if dst.TLS == nil && src.TLS == nil {
		return dst.TCP.ReadFrom(pace.of(src.TCP))
	}
	return io.Copy(dst.stream(), pace.of(struct{ io.Reader }{src.stream()}))
}

// stream is where payload is read and written.
func (e End) stream() io.ReadWriter {
	if e.TLS != nil {
		return e.TLS
	}
	return e.TCP
}

// urgent goes past urgent data, in front of which splice(2) says that it has met the
// end, or that there is nothing, whatever is behind. Nothing is moved at the end itself.
func (s *session) urgent(dst, src *net.TCPConn) (int64, error) {
	_ = src.SetReadDeadline(time.Now().Add(s.tick))
	if s.cut.Load() {
		return 0, nil
	}
	var few [512]byte
	n, err := src.Read(few[:])
	if n > 0 {
		n, err = dst.Write(few[:n])
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return int64(n), err
}

// end tells whether the output to a side has been ended.
func (s *session) end(of End) *atomic.Bool {
	if of == s.client {
		return &s.shut[0]
	}
	return &s.shut[1]
}

// broken notes whose fault an error is and sees to it that the other half ends.
func (s *session) broken(dst, src End, err error) {
	culprit := faulty(dst.TCP, src.TCP, err)
	outcome := flow.BackendReset
	if culprit == s.client.TCP {
		outcome = flow.ClientReset
	} else {
		s.dropped()
	}
	if s.note(outcome) {
		s.err = err
	}
	// When dst is gone, the other half reads what dst had sent before, and then
	// its end. When src is gone, nobody is left to read for.
	if culprit == src.TCP {
		s.stop(outcome)
	}
}

// dropped tells that the endpoint has ended the connection, where it did so first and
// has sent nothing.
func (s *session) dropped() {
	tell := s.account.Dropped
	if tell == nil || s.ended() != flow.Open || s.end(s.backend).Load() || s.account.Bytes.Sent.Load() > 0 {
		return
	}
	s.told.Do(tell)
}

func (s *session) touch() { s.last.Store(time.Now().UnixNano()) }

func (s *session) ended() flow.Outcome { return flow.Outcome(s.outcome.Load()) }

// note records what ended the session. It is false if something did before.
func (s *session) note(o flow.Outcome) bool {
	return s.outcome.CompareAndSwap(uint32(flow.Open), uint32(o))
}

// stop ends both halves at once, wherever they wait.
func (s *session) stop(o flow.Outcome) {
	s.note(o)
	if !s.cut.Swap(true) {
		close(s.stopped)
	}
	past := time.Unix(1, 0)
	_ = s.client.TCP.SetDeadline(past)
	_ = s.backend.TCP.SetDeadline(past)
}

// finish closes both connections in the way that the outcome asks for.
func (s *session) finish() flow.Outcome {
	s.note(flow.Completed)
	outcome := s.ended()
	reset := outcome.Resets(s.quiet, func() bool { return pending(s.client.TCP) || pending(s.backend.TCP) })
	for _, end := range []End{s.client, s.backend} {
		switch {
		case reset:
			_ = end.TCP.SetLinger(0)
		case end.TLS != nil:
			_ = end.TLS.CloseWrite() // has room, as nothing is on its way; said before, it does nothing
		}
		_ = end.TCP.Close()
	}
	return outcome
}

// quiet is for how long no byte has moved either way.
func (s *session) quiet() time.Duration {
	if kernel := min(silence(s.client.TCP), silence(s.backend.TCP)); kernel != socket.Unknown {
		return kernel
	}
	return time.Since(time.Unix(0, s.last.Load()))
}
