// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package linkerdtcp reads linkerd-tcp's configuration: YAML, or JSON. Beside it
// takes what linkerd has for a router that needs no namerd: the interpreter default,
// a dtab, and a list of namers. What it does not know it refuses, with the place;
// what it knows and this proxy does not have is refused if the proxy would then do
// something else than asked, and is a warning if it does the job in another way. It
// opens nothing.
package linkerdtcp

import (
	"net/netip"
	"net/url"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
)

// Config is a configuration with its defaults filled in.
type Config struct {
	Admin   netip.AddrPort
	Grace   time.Duration // that connections have to end, once told to shut down
	Namers  []mounts.Namer
	Routers []Router // one at least
}

// Router is servers whose names are resolved in one way.
type Router struct {
	Label   string    // unique
	Namerd  *Namerd   // that resolves names; nil: Table does
	Table   dtab.Dtab // of the interpreter default
	Servers []Server  // one at least
}

// Namerd is where names are resolved.
type Namerd struct {
	BaseURL   *url.URL // http or https, without a query or a password
	Namespace string   // as it stands in URLs
	Period    time.Duration
}

// Server is a port, and where its connections go.
type Server struct {
	Address        netip.AddrPort // unique
	DstName        dtab.Path
	ConnectTimeout time.Duration // of all attempts of a connection together; 0: not given
	AttemptTimeout time.Duration // of one; 0: not given
	Lifetime       time.Duration // of an established connection; 0: no limit
	MaxConnections uint32        // at a time
	TLS            *TLS          // of clients ends here; nil: it is passed on
	Congestion     Congestion    // of TCP
	// Trusted are the networks of those who begin each connection with a PROXY header.
	Trusted  []netip.Prefix
	Backends Backends
}

// Backends says how the endpoints of a server are reached.
type Backends struct {
	TLS           *ClientTLS // nil: in the clear
	ProxyProtocol int        // version of the header that tells of the client; 0: none
	FailFast      FailFast

	MinConnections int // kept ready, of each concrete name
	MaxWaiters     int // connections that wait for an endpoint at a time, of each; 0: no limit
}

// FailFast says when an endpoint that cannot be reached gets no connections.
type FailFast struct {
	Failures int           // failures to connect in a row, above 0
	Penalty  time.Duration // that it gets none for; 0: it always gets some
}

// ClientTLS says how TLS to endpoints is done.
type ClientTLS struct {
	Where      string   // "FILE:LINE:COLUMN: tls of a client", for errors
	DNSName    string   // that they are asked for, and that their certificates must have
	TrustCerts []string // files with the authorities that sign those; none: nobody is trusted
}

// Congestion names the congestion control of connections; empty: the kernel's default.
type Congestion struct {
	Clients  string // towards clients
	Backends string // towards endpoints
}

// TLS says how the TLS of a server's clients ends.
type TLS struct {
	Default    *Identity           // for those that ask for nobody of Identities; nil: they are refused
	Identities map[string]Identity // host name in lower case, or *.SUFFIX -> identity; with Default one at least
	Protocols  []string            // ALPN, in order of preference
}

// Identity says in which files a certificate and its key are.
type Identity struct {
	Where      string   // "FILE:LINE:COLUMN: KEY", for errors
	Certs      []string // one at least, the server's own first
	PrivateKey string
}
