// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package inet

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// hostsTTL is when a name from the hosts file is looked up there again.
	hostsTTL = 5 * time.Second
	// maxChain bounds the CNAME records that are followed.
	maxChain = 8
)

// Resolver looks up hosts as the system does: in the hosts file first, then by DNS with
// the servers, search list, ndots, timeout and attempts of resolv.conf. Both
// files are read again when they change. Unlike the system's it tells how long an answer
// is good for. nsswitch.conf is not heeded. The zero value is good.
type Resolver struct {
	// HostsFile and ResolvConf are paths. Empty stands for those in /etc.
	HostsFile, ResolvConf string
	// Port of the servers. Empty stands for 53.
	Port string

	once  sync.Once
	hosts *file[hosts]
	conf  *file[*dns.ClientConfig]
}

// Lookup finds the addresses of a host. Of the names that the search list makes
// of it the first that has any address counts. A text that cannot be the name of
// a host is not asked for.
func (r *Resolver) Lookup(ctx context.Context, host string) Answer {
	if !isHostName(host) {
		return Answer{}
	}
	r.once.Do(r.init)
	if addrs := r.hosts.get()[plain(host)]; len(addrs) > 0 {
		return fromHosts(addrs)
	}
	conf := r.conf.get()
	var failed Answer // the first errors on the way
	for _, name := range conf.NameList(host) {
		answer := r.lookup(ctx, conf, name)
		if answer.found() {
			return answer
		}
		failed.V4.Err = cmp.Or(failed.V4.Err, answer.V4.Err)
		failed.V6.Err = cmp.Or(failed.V6.Err, answer.V6.Err)
	}
	return failed
}

func (r *Resolver) init() {
	r.hosts = &file[hosts]{path: cmp.Or(r.HostsFile, "/etc/hosts"), parse: parseHosts}
	r.conf = &file[*dns.ClientConfig]{path: cmp.Or(r.ResolvConf, "/etc/resolv.conf"), parse: parseConf}
}

func fromHosts(addrs []netip.Addr) Answer {
	a := Answer{V4: Records{TTL: hostsTTL}, V6: Records{TTL: hostsTTL}}
	for _, addr := range addrs {
		if addr.Is4() {
			a.V4.Addrs = append(a.V4.Addrs, addr)
		} else {
			a.V6.Addrs = append(a.V6.Addrs, addr)
		}
	}
	return a
}

// lookup asks for both families of one full name at once.
func (r *Resolver) lookup(ctx context.Context, conf *dns.ClientConfig, name string) (a Answer) {
	var v6 sync.WaitGroup
	v6.Go(func() { a.V6 = r.records(ctx, conf, name, dns.TypeAAAA) })
	a.V4 = r.records(ctx, conf, name, dns.TypeA)
	v6.Wait()
	return a
}

// records asks for one family, and again where an answer ends with an alias
// that the server did not follow.
func (r *Resolver) records(ctx context.Context, conf *dns.ClientConfig, name string, family uint16) Records {
	c := chain{name: name, ttl: math.MaxUint32}
	for range maxChain {
		asked := c.name
		reply, err := r.ask(ctx, conf, asked, family)
		if err != nil {
			return Records{Err: fmt.Errorf("look up %s: %w", asked, err)}
		}
		c.walk(reply.Answer, family)
		if len(c.addrs) > 0 || c.name == asked || settled(reply) {
			return Records{Addrs: c.addrs, TTL: time.Duration(c.ttl) * time.Second}
		}
	}
	return Records{Err: fmt.Errorf("look up %s: more than %d aliases", name, maxChain)}
}

// settled tells whether a reply that has no addresses says that there are none.
func settled(reply *dns.Msg) bool {
	return reply.Rcode == dns.RcodeNameError ||
		slices.ContainsFunc(reply.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
}

// chain is a name on its way to its addresses.
type chain struct {
	name  string
	addrs []netip.Addr
	ttl   uint32 // the shortest on the way, in seconds
}

// walk goes on with the records of a reply, in whatever order they are.
func (c *chain) walk(records []dns.RR, family uint16) {
	for range maxChain {
		var alias *dns.CNAME
		for _, rr := range records {
			if !strings.EqualFold(rr.Header().Name, c.name) {
				continue
			}
			if cname, ok := rr.(*dns.CNAME); ok {
				alias = cname
			} else if rr.Header().Rrtype == family {
				c.take(rr)
			}
		}
		if len(c.addrs) > 0 || alias == nil {
			return
		}
		c.name, c.ttl = alias.Target, min(c.ttl, alias.Hdr.Ttl)
	}
}

// take keeps the address of an A or AAAA record.
func (c *chain) take(rr dns.RR) {
	var ip net.IP
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	}
	if addr, ok := netip.AddrFromSlice(ip); ok {
		c.addrs, c.ttl = append(c.addrs, addr.Unmap()), min(c.ttl, rr.Header().Ttl)
	}
}
