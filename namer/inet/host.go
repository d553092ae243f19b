// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/wye-dev/wye/namer"
)

const (
	// lookupLimit bounds one lookup: all names of the search list, servers and
	// attempts together.
	lookupLimit = 30 * time.Second
	// unknownTTL is when a host that nobody knows is looked up again, as linkerd does.
	unknownTTL = 5 * time.Second
	// firstRetry is when a lookup that failed is tried again; each further time
	// takes twice as long, up to MaxTTL.
	firstRetry = time.Second
)

// hostKey names what is looked up together.
type hostKey struct {
	name  string
	fixed bool // once known, known for good
}

// host is one host that names lead to. The namer's lock guards all but key.
type host struct {
	key      hostKey
	watchers map[*watcher]struct{}
	cancel   context.CancelFunc // ends its goroutine; nil until that started

	v4, v6   []netip.Addr // last good addresses
	asked    bool         // a lookup has ended
	cause    string       // why the last one failed, if no addresses are known
	failures int          // lookups in a row that failed
}

// watcher is one who follows a port of a host.
type watcher struct {
	target
	update func(namer.State)
}

func (w *watcher) tell(addr namer.Addr) { w.update(*w.state(addr)) }

// start follows a host in a goroutine. The caller holds mu.
func (n *Namer) start(h *host) {
	ctx, cancel := context.WithCancel(n.ctx)
	h.cancel = cancel
	n.group.Go(func() {
		defer cancel()
		n.follow(ctx, h)
	})
}

// follow looks a host up, again and again until its watchers are gone.
func (n *Namer) follow(ctx context.Context, h *host) {
	for ctx.Err() == nil {
		answer := n.lookup(ctx, h.key.name)
		pause, done := n.take(ctx, h, answer)
		if done {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// lookup waits for a turn and asks.
func (n *Namer) lookup(ctx context.Context, name string) Answer {
	select {
	case n.turns <- struct{}{}:
		defer func() { <-n.turns }()
	case <-ctx.Done():
		return Answer{}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	return n.options.Hosts.Lookup(ctx, name)
}

// take keeps what an answer says, tells the watchers, and returns when to look again.
func (n *Namer) take(ctx context.Context, h *host, a Answer) (pause time.Duration, done bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ctx.Err() != nil {
		return 0, true // the answer may be that of a lookup cut short
	}
	h.keep(a)
	for w := range h.watchers {
		w.tell(h.addr(w.port))
	}
	return n.pause(h, a), h.key.fixed && h.known()
}

// keep updates the addresses of each family that the answer knows something of.
func (h *host) keep(a Answer) {
	h.asked, h.cause = true, ""
	if err := a.Err(); err != nil {
		h.cause = err.Error()
		h.failures++
	} else {
		h.failures = 0
	}
	if !a.found() {
		return // keep what was good
	}
	if a.V4.Err == nil {
		h.v4 = a.V4.Addrs
	}
	if a.V6.Err == nil {
		h.v6 = a.V6.Addrs
	}
}

// pause is how long an answer stands.
func (n *Namer) pause(h *host, a Answer) time.Duration {
	pause := unknownTTL
	switch {
	case h.failures > 0:
		pause = firstRetry << min(h.failures-1, 16)
	case a.found():
		pause = a.ttl()
	}
	return min(max(pause, n.options.MinTTL), n.options.MaxTTL)
}

func (h *host) known() bool { return len(h.v4)+len(h.v6) > 0 }

// addr is what is known of a port of the host.
func (h *host) addr(port uint16) namer.Addr {
	switch {
	case h.known():
		return namer.Addr{State: namer.AddrBound, Endpoints: endpoints(slices.Concat(h.v4, h.v6), port)}
	case !h.asked:
		return namer.Addr{State: namer.AddrPending}
	case h.cause != "":
		return namer.Addr{State: namer.AddrFailed, Cause: h.cause}
	default:
		return namer.Addr{State: namer.AddrNeg}
	}
}
