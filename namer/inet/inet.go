// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inet knows the addresses of the names that dtabs have built in:
//
//	/$/inet/HOST/PORT                  HOST's, as DNS and the hosts file say from time to time
//	/$/inet/PORT                       the loopback address
//	/$/fixedinet/HOST/PORT or /PORT    the same, looked up once
//	/$/io.buoyant.rinet/PORT/HOST      as /$/inet/HOST/PORT
//
// IP addresses, short IPv4 forms among them, are known at once. A host's addresses are
// looked up again when their time to live is over, within bounds. Once they are
// known they stay until others are: a DNS that is away, or that denies a name
// which it knew, takes no traffic down. A host that is not known at first has a
// negative address, one that cannot be looked up a failed one, and both are tried again.
package inet

import (
	"context"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Lookuper finds the addresses of a host. *Resolver is one.
type Lookuper interface {
	Lookup(ctx context.Context, host string) Answer
}

// Options of a Namer. The zero value is good.
type Options struct {
	// Hosts are looked up here. nil is a Resolver over the system's files.
	Hosts Lookuper
	// MinTTL and MaxTTL bound the time between two lookups of a host. 0 stands
	// for 1 s and 30 s. (linkerd looks every 5 s, whatever the records say.)
	MinTTL, MaxTTL time.Duration
}

// concurrent bounds the lookups that are under way at once.
const concurrent = 32

// Namer answers for /$/inet and its kin.
type Namer struct {
	options Options
	turns   chan struct{} // holds one value per lookup under way

	mu    sync.Mutex
	ctx   context.Context // of Run; nil while it does not run; mu guards it
	hosts map[hostKey]*host
	group sync.WaitGroup // of the goroutines of hosts
}

// New makes a namer. It looks up nothing before Run.
func New(o Options) *Namer {
	if o.Hosts == nil {
		o.Hosts = &Resolver{}
	}
	if o.MinTTL == 0 {
		o.MinTTL = time.Second
	}
	if o.MaxTTL == 0 {
		o.MaxTTL = 30 * time.Second
	}
	return &Namer{options: o, turns: make(chan struct{}, concurrent), hosts: map[hostKey]*host{}}
}

// Mounts is where the namer wants to be in a Table.
func (n *Namer) Mounts() []namer.Mount {
	var mounts []namer.Mount
	for _, kind := range []string{"inet", "fixedinet", "io.buoyant.rinet"} {
		mounts = append(mounts, namer.Mount{Prefix: dtab.Path{"$", kind}, Namer: n})
	}
	return mounts
}

// Run follows hosts until ctx ends. What was said last stays as it was.
func (n *Namer) Run(ctx context.Context) error {
	n.mu.Lock()
	n.ctx = ctx
	for _, h := range n.hosts {
		n.start(h)
	}
	n.mu.Unlock()

	<-ctx.Done()
	n.mu.Lock()
	n.ctx = nil
	n.mu.Unlock()
	n.group.Wait()
	return nil
}

// Watch follows the addresses of a name.
func (n *Namer) Watch(path dtab.Path, update func(namer.State)) (stop func()) {
	t, verdict := parse(path)
	if verdict != nil {
		update(*verdict)
		return func() {}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[t.key]
	if h == nil {
		h = &host{key: t.key, watchers: map[*watcher]struct{}{}}
		n.hosts[t.key] = h
		if n.ctx != nil {
			n.start(h)
		}
	}
	w := &watcher{target: t, update: update}
	h.watchers[w] = struct{}{}
	if addr := h.addr(t.port); addr.State != namer.AddrPending {
		w.tell(addr)
	}
	return func() { n.drop(h, w) }
}

func (n *Namer) drop(h *host, w *watcher) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(h.watchers, w)
	if len(h.watchers) == 0 && n.hosts[h.key] == h {
		delete(n.hosts, h.key)
		if h.cancel != nil {
			h.cancel()
		}
	}
}

// target is a parsed name.
type target struct {
	path     dtab.Path
	segments int // of path that are the id
	key      hostKey
	port     uint16
}

// parse reads a path. Instead of a host that has to be looked up there may be a
// verdict, good for ever.
func parse(path dtab.Path) (target, *namer.State) {
	kind, rest := path[1], path[2:]
	swapped := kind == "io.buoyant.rinet"
	var hostName, port string
	t := target{path: path}
	switch {
	// 1. The parts swapped, and both needed.
	case swapped && len(rest) < 2:
		return t, &namer.State{}
	case swapped:
		port, hostName, t.segments = rest[0], rest[1], 4
	// 2. A host and a port.
	case len(rest) >= 2 && isInteger(rest[1]):
		hostName, port, t.segments = rest[0], rest[1], 4
	// 3. A port alone.
	case len(rest) >= 1 && isInteger(rest[0]):
		hostName, port, t.segments = "127.0.0.1", rest[0], 3
	default:
		return t, &namer.State{Err: &dtab.UnknownNamerError{Kind: kind, Path: path}}
	}
	return t.settle(hostName, port, kind == "fixedinet")
}

// settle gives a verdict if no lookup is needed.
func (t target) settle(hostName, port string, fixed bool) (target, *namer.State) {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return t, t.state(namer.Addr{State: namer.AddrFailed, Cause: "port out of range: " + port})
	}
	t.port = uint16(number)
	if ip, ok := ParseIP(hostName); ok {
		return t, t.state(namer.Addr{State: namer.AddrBound, Endpoints: endpoints([]netip.Addr{ip}, t.port)})
	}
	if !isHostName(hostName) {
		return t, t.state(namer.Addr{State: namer.AddrNeg})
	}
	t.key = hostKey{name: hostName, fixed: fixed}
	return t, nil
}

func (t target) state(addr namer.Addr) *namer.State {
	state := namer.BoundTo(t.path, t.segments, addr)
	return &state
}

// isInteger tells whether a text is a 32-bit integer, as the dtab package has it.
func isInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 32)
	return err == nil
}

// endpoints of a host on one port.
func endpoints(ips []netip.Addr, port uint16) []namer.Endpoint {
	list := make([]namer.Endpoint, 0, len(ips))
	for _, ip := range ips {
		list = append(list, namer.Endpoint{Addr: netip.AddrPortFrom(ip, port), Weight: 1})
	}
	return namer.SortEndpoints(list)
}
