// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan turns the config that the controller pushed into what the proxy
// serves, and says which resources it refuses and why. A bad resource never takes
// a good one with it: its last good form goes on, where there is one. Routes and
// pools that have not changed are taken over from the plan before, so that what
// is alive in them (the router's lag, the endpoints' counters) goes on. It opens
// no sockets and changes nothing that is being served.
package plan

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"time"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/guard"
	"github.com/wye-dev/wye/proxy/router"
)

// Plan is what a proxy is to serve. It is immutable, but for the live state
// inside choosers and endpoints.
type Plan struct {
	Generation uint64
	Listeners  map[string]*Listener // name -> listener
	Routes     map[string]*Route    // name -> route, each on a listener of Listeners
	Pools      map[string]*Pool     // name -> endpoint set

	outgoing map[string]*Pool // name -> pool that is no longer in the config, but has connections
}

// Listener is a port to accept on.
type Listener struct {
	Name           string
	Address        netip.Addr // the zero Addr leaves it to who listens
	Port           uint16
	MaxConnections uint32 // at a time; 0: no limit
	AcceptRate     uint32 // connections accepted in a second; 0: no limit
	MaxHandshakes  uint32 // connections at a time of which the route is not known yet, or that are at their TLS handshake; 0: no limit
	// CongestionControl towards clients, well formed; empty: the kernel's default.
	CongestionControl string
	// ProxyProtocol says who tells of clients; nil: nobody.
	ProxyProtocol *ProxyProtocol
	// Names of routes for some clients only; nil: there are none, and what clients ask
	// for is not read.
	Names *Names
	Route *Route // for all others; nil: those are refused
}

// ProxyProtocol says whose connections begin with a PROXY header.
type ProxyProtocol struct {
	trusted []netip.Prefix
}

// Trusts tells whether the header is awaited, and believed, of a peer.
func (p *ProxyProtocol) Trusts(peer netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(net netip.Prefix) bool { return net.Contains(peer) })
}

// Route says where the connections of a listener go.
type Route struct {
	Name         string
	Listener     string
	Hash         string
	Timeouts     Timeouts
	Redistribute bool // a connection whose arm cannot be reached goes to another
	// TLS of clients ends by it; nil: what they send is passed on as it is. It stays
	// the same while the config says the same, and must not be copied: the keys of
	// its session tickets are in it.
	TLS *tls.Config
	// Hostnames that clients must ask for one of, exact or *.SUFFIX; none: any or none.
	Hostnames []string
	// CongestionControl towards endpoints, well formed; empty: the kernel's default.
	CongestionControl string
	Migration         *Migration // nil: established connections stay
	// Guard of the door; nil: everybody may come.
	Guard *guard.Guard
	// BytesPerSecond of a connection, each way. 0: no limit.
	BytesPerSecond uint64

	Chooser *router.Chooser
	Pools   []*Pool // of the arms, by the chooser's indexes

	protocols []string          // that clients must offer one of; none: any or none
	tls       *pushv1.ServerTLS // that TLS was made of
}

// Timeouts of a route's connections.
type Timeouts struct {
	Connect  time.Duration // of all dials of a connection together, above 0
	Idle     time.Duration // 0: never
	Lifetime time.Duration // 0: no limit; see LifetimeOf
	Attempt  time.Duration // of one dial, if it may not have a share of what is left of Connect; 0: it may
}

// Defaults of the timeouts that a route leaves open.
const (
	DefaultConnect = 5 * time.Second
	DefaultIdle    = time.Hour
)
