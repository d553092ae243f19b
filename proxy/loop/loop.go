// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package loop

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wye-dev/wye/proxy/upstream"
)

const (
	// scratch is the size of a loop's buffer, which every byte that is copied passes.
	scratch = 128 << 10
	// batch is the number of events that are taken from the kernel at a time.
	batch = 256
	// passed is how often in a row bulk lets messages pass before it has a turn.
	passed = 3
	// tellEvery is the time after which bytes that moved show in the metrics at the latest.
	tellEvery = 100 * time.Millisecond
	// tidyEvery is the time after which pipes and blocks that are not in use are given back.
	tidyEvery = 2 * time.Second
)

// loop serves the connections that are its own. Everything in it belongs to its
// goroutine, but for load and what the mailbox guards.
type loop struct {
	driver   *Driver
	epoll    int
	now      time.Duration // since base, when the present batch of events came
	base     time.Time
	events   []unix.EpollEvent
	buf      []byte // scratch
	sealedIn []byte // received in TLS
	sealed   []byte // to be sent in TLS
	slab     slab
	wheel    wheel
	blocks   blocks // for what receivers do not take
	pipes    pipes
	searches []*upstream.Search // for reuse
	from     unix.RawSockaddrAny

	sources   []*listening  // what is accepted from, by the index in their events; nil where one has gone
	ready     []int32       // connections that have more to move than one turn lets them
	served    int           // those at the front of ready that have had their turn
	passes    int           // how often in a row bulk has let messages pass
	messageAt time.Duration // when something with little to move last had its turn
	untold    []int32       // connections with bytes that the metrics have not been told
	tellAt    time.Duration
	tidyAt    time.Duration // 0: there is nothing to give back
	ids       uint64
	ending    bool // all connections are to end
	over      bool // run is to return
	mailed    bool // there is mail

	load atomic.Int64 // connections that are here or on their way
	done chan struct{}
	mail mailbox
}

func newLoop(d *Driver, index int) (*loop, error) {
	l := &loop{
		driver: d,
		base:   time.Now(),
		events: make([]unix.EpollEvent, batch),
		buf:    make([]byte, scratch),
		ids:    uint64(index),
		done:   make(chan struct{}),
	}
	l.wheel.init()
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.mail.fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(l.epoll)
		return nil, err
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Pad: ofMail}
	if err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.mail.fd, &event); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loop) close() {
	_ = unix.Close(l.epoll)
	l.mail.close()
	l.pipes.close()
}

// What an event is about, in the Pad of its data. The Fd of the data is an index.
const (
	ofClient  = int32(client)  // a connection's client; index in the slab
	ofBackend = int32(backend) // a connection's endpoint; index in the slab
	ofSource  = 2              // a listening socket; index in the loop's sources
	ofMail    = 3              // the mailbox
)

// run serves until the loop is over.
func (l *loop) run() {
	defer close(l.done)
	for !l.over {
		n := l.wait()
		l.now = time.Since(l.base)
		for i := range l.events[:n] {
			l.dispatch(&l.events[i])
		}
		l.readMail()
		l.serveReady()
		l.expire()
		l.tell()
		l.tidy()
		l.slab.recycle()
	}
}

func (l *loop) dispatch(e *unix.EpollEvent) {
	switch e.Pad {
	case ofMail:
		l.mailed = true
	case ofSource:
		if s := l.sources[e.Fd]; s != nil {
			l.accept(s)
		}
	default:
		l.happened(l.slab.at(e.Fd), side(e.Pad), e.Events)
	}
}

// serveReady gives a turn to the first of the connections that had more to move than
// one turn let them. New events come between two of them, and where there are
// messages among those, bulk lets more of them pass.
func (l *loop) serveReady() {
	if len(l.ready) == 0 {
		return
	}
	if l.messageAt == l.now && l.passes < passed {
		l.passes++
		return
	}
	l.passes = 0
	c := l.slab.at(l.ready[l.served])
	if l.served++; l.served >= 64 || l.served == len(l.ready) {
		l.ready = l.ready[:copy(l.ready, l.ready[l.served:])]
		l.served = 0
	}
	c.queued = false
	l.pump(c, client)
	l.pump(c, backend)
}

// later gives c another turn when the others have had theirs.
func (l *loop) later(c *conn) {
	if !c.queued {
		c.queued = true
		l.ready = append(l.ready, c.index)
	}
}

// tell has the metrics count the bytes that have moved, from time to time.
func (l *loop) tell() {
	if len(l.untold) == 0 || l.now < l.tellAt {
		return
	}
	for _, i := range l.untold {
		l.slab.at(i).tell()
	}
	l.untold = l.untold[:0]
}

// tidy gives back, from time to time, what was kept for reuse.
func (l *loop) tidy() {
	if l.tidyAt == 0 || l.now < l.tidyAt {
		return
	}
	l.tidyAt = 0
	l.pipes.close()
	l.blocks = blocks{}
}

// hold keeps b, which c's receiver does not take now.
func (l *loop) hold(h *half, b []byte) {
	h.held = l.blocks.take(b)
	l.untidy()
}

// untidy remembers that there will be something to give back.
func (l *loop) untidy() {
	if l.tidyAt == 0 {
		l.tidyAt = l.now + tidyEvery
	}
}

// noted remembers that bytes of c have moved.
func (l *loop) noted(c *conn) {
	c.last = l.now
	if c.untold {
		return
	}
	if c.untold = true; len(l.untold) == 0 {
		l.tellAt = l.now + tellEvery
	}
	l.untold = append(l.untold, c.index)
}

// letter is something for a loop to do: a connection to take over, or anything else.
type letter struct {
	guest guest
	do    func() // nil: take the guest over
}

func (l *loop) read(m letter) {
	if m.do != nil {
		m.do()
		return
	}
	l.admit(m.guest)
}

// readMail comes after the events: some may be about a socket that a letter has closed,
// and would be taken for those of the one that the connection has in its place.
func (l *loop) readMail() {
	if !l.mailed {
		return
	}
	l.mailed = false
	l.mail.clear()
	for _, m := range l.mail.take() {
		l.read(m)
	}
}

// post has the loop read m. It may be called from anywhere.
func (l *loop) post(m letter) { l.mail.put(m) }

// mailbox is how others reach a loop.
type mailbox struct {
	fd      int // an eventfd
	mu      sync.Mutex
	letters []letter // guarded by mu
	closed  bool     // guarded by mu: fd may be somebody else's
}

func (m *mailbox) put(x letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return // a timer may be late
	}
	m.letters = append(m.letters, x)
	if len(m.letters) == 1 {
		_, _ = unix.Write(m.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // fails only when it is set already
	}
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	_ = unix.Close(m.fd)
}

func (m *mailbox) clear() {
	var count [8]byte
	_, _ = unix.Read(m.fd, count[:])
}

func (m *mailbox) take() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.letters
	m.letters = nil
	return all
}
