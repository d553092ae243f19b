// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package fs

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/inet"
)

const (
	// lookupLimit bounds the lookups for one reading of a file.
	lookupLimit = 15 * time.Second
	// concurrent bounds those under way at once.
	concurrent = 8
)

// addresses are the hosts of a file that had to be looked up.
type addresses map[string][]netip.Addr // host -> addresses

// state is what a content means. hosts are those of the last time, and are
// replaced. settled is false if a host could not be looked up, so that it has to
// be tried again; until then its last addresses stand.
func (f *Namer) state(ctx context.Context, path dtab.Path, c content, hosts addresses) (state namer.State, settled bool) {
	if c.taken == 0 {
		return namer.State{}, true
	}
	segments := len(f.prefix) + c.taken
	entries, err := parse(c.text)
	switch {
	case c.tooLong:
		cause := fmt.Sprintf("%s is longer than %d bytes", path[:segments], maxSize)
		return namer.BoundTo(path, segments, namer.Addr{State: namer.AddrFailed, Cause: cause}), true
	case err != nil:
		return namer.BoundTo(path, segments, namer.Addr{State: namer.AddrFailed, Cause: err.Error()}), true
	}
	settled = f.lookup(ctx, entries, hosts)
	return namer.BoundTo(path, segments, namer.Addr{State: namer.AddrBound, Endpoints: endpoints(entries, hosts)}), settled
}

// lookup brings hosts up to date with those in entries. A host that does not
// exist has no addresses.
func (f *Namer) lookup(ctx context.Context, entries []entry, hosts addresses) (settled bool) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	names := hostNames(entries)
	answers := make([]inet.Answer, len(names))
	var group errgroup.Group
	group.SetLimit(concurrent)
	for i, host := range names {
		group.Go(func() error {
			answers[i] = f.hosts.Lookup(ctx, host)
			return nil
		})
	}
	_ = group.Wait() // none returns an error

	before := maps.Clone(hosts)
	clear(hosts)
	settled = true
	for i, host := range names {
		hosts[host] = answers[i].Addrs()
		if answers[i].Err() != nil {
			settled = false
			if len(hosts[host]) == 0 {
				hosts[host] = before[host]
			}
		}
	}
	return settled
}

// hostNames are the hosts that have to be looked up, each once.
func hostNames(entries []entry) []string {
	var names []string
	for _, e := range entries {
		if _, ok := inet.ParseIP(e.host); !ok {
			names = append(names, e.host)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// endpoints of entries. An entry of weight 0 gets no traffic and is left out.
func endpoints(entries []entry, hosts addresses) []namer.Endpoint {
	var list []namer.Endpoint
	for _, e := range entries {
		if e.weight == 0 {
			continue
		}
		addrs := hosts[e.host]
		if ip, ok := inet.ParseIP(e.host); ok {
			addrs = []netip.Addr{ip}
		}
		for _, ip := range addrs {
			list = append(list, namer.Endpoint{Addr: netip.AddrPortFrom(ip, e.port), Weight: e.weight})
		}
	}
	return namer.SortEndpoints(list)
}
