// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
	"github.com/wye-dev/wye/proxy/socket"
)

// Kinds that can be configured.
const (
	kindNamerd  = "io.l5d.namerd.http"
	kindDefault = "default"
	kindGlobal  = "io.l5d.global"
	kindStatic  = "io.l5d.static"
)

// Defaults, which are linkerd-tcp's.
const (
	adminPort      = 9989
	grace          = 10 * time.Second
	maxConnections = 100000
)

func loopback() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// reader reads a document into a Config.
type reader struct {
	*document.Document
	name      string // of the document
	config    Config
	addresses []netip.AddrPort // of servers so far
}

// Parse reads a configuration. name stands for the file in errors and warnings, which
// begin with it and with the place.
func Parse(name string, text []byte) (config *Config, warnings []string, err error) {
	d, root, err := document.Open(name, text)
	if err != nil {
		return nil, nil, err
	}
	if root == nil {
		return nil, nil, fmt.Errorf("%s: it is empty; at least one router is needed", name)
	}
	r := &reader{Document: d, name: name}
	r.root(root)
	if err := r.Err(); err != nil {
		return nil, nil, err
	}
	return &r.config, r.Warnings(), nil
}

func (r *reader) root(n *yaml.Node) {
	r.config.Admin, r.config.Grace = netip.AddrPortFrom(loopback(), adminPort), grace
	const what = "the configuration"
	found := r.Fields(n, what,
		document.Field{Key: "admin", Read: r.admin},
		document.Field{Key: "bufferSizeBytes", Read: r.noEffect("bufferSizeBytes")},
		document.Field{Key: "namers", Read: func(n *yaml.Node) { r.config.Namers = mounts.Read(r.Document, n) }},
		document.Field{Key: "routers", Read: r.routers},
	)
	r.Need(n, found, what, "routers")
	local := func(router Router) bool { return router.Namerd == nil }
	if len(r.config.Namers) > 0 && !r.Failed() && !slices.ContainsFunc(r.config.Routers, local) {
		r.Warn(found["namers"], "namers are for routers with interpreter %s, and there are none", kindDefault)
	}
}

func (r *reader) admin(n *yaml.Node) {
	ip, port, seconds := r.config.Admin.Addr(), r.config.Admin.Port(), int64(grace/time.Second)
	r.Fields(n, "admin",
		document.Field{Key: "ip", Read: r.IP(&ip)},
		document.Field{Key: "port", Read: r.Port(&port)},
		document.Field{Key: "metricsIntervalSecs", Read: r.noEffect("metricsIntervalSecs")},
		document.Field{Key: "graceSecs", Read: r.Whole(&seconds, "graceSecs", 0, math.MaxInt32)},
	)
	r.config.Admin, r.config.Grace = netip.AddrPortFrom(ip, port), time.Duration(seconds)*time.Second
}

// noEffect reads a number that changes nothing here, and nothing that anybody sees.
func (r *reader) noEffect(what string) func(*yaml.Node) {
	return r.Whole(new(int64), what, 0, math.MaxInt64)
}

// limit reads a time of so many units into value.
func (r *reader) limit(value *time.Duration, what string, unit time.Duration) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var units int64
		r.Whole(&units, what, 1, math.MaxInt32)(n)
		*value = time.Duration(units) * unit
	}
}

func (r *reader) routers(n *yaml.Node) {
	items := r.Items(n, "routers")
	if len(items) == 0 {
		r.Fail(document.PlaceOf(n), "at least one router is needed")
	}
	for _, item := range items {
		r.router(item)
	}
}

func (r *reader) router(n *yaml.Node) {
	const what = "a router"
	router := Router{}
	var clients clients
	var servers []*yaml.Node
	found := r.Fields(n, what,
		document.Field{Key: "label", Read: r.label(&router)},
		document.Field{Key: "interpreter", Read: r.interpreter(&router)},
		document.Field{Key: "dtab", Read: func(n *yaml.Node) { router.Table, _, _ = r.Dtab(n, "the dtab") }},
		document.Field{Key: "servers", Read: func(n *yaml.Node) { servers = r.Items(n, "servers") }},
		document.Field{Key: "client", Read: func(n *yaml.Node) { clients = r.client(n) }},
	)
	r.Need(n, found, what, "label", "servers")
	at, table := found["dtab"]
	switch _, ok := found["interpreter"]; {
	case !ok && !table:
		r.Fail(document.PlaceOf(document.Follow(n)), "%s needs interpreter, or a dtab", what)
	case router.Namerd != nil && table:
		r.Fail(at, "a dtab is for interpreter %s; with %s the namerd has it, in the namespace", kindDefault, kindNamerd)
	}
	if at, ok := found["servers"]; ok && len(servers) == 0 {
		r.Fail(at, "at least one server is needed")
	}
	for _, n := range servers {
		server := r.server(n)
		server.AttemptTimeout = clients.attempt(server.DstName)
		server.Congestion.Backends = clients.congestionControl(server.DstName)
		server.Backends = Backends{
			TLS:            clients.tls(server.DstName),
			ProxyProtocol:  clients.proxyProtocol(server.DstName),
			FailFast:       clients.failFast(server.DstName),
			MinConnections: clients.minConnections(server.DstName),
			MaxWaiters:     clients.maxWaiters(server.DstName),
		}
		router.Servers = append(router.Servers, server)
	}
	r.config.Routers = append(r.config.Routers, router)
}

func (r *reader) label(router *Router) func(*yaml.Node) {
	return func(n *yaml.Node) {
		label, ok := r.Text(n, "label")
		same := func(other Router) bool { return other.Label == label }
		switch {
		case !ok:
		case label == "":
			r.Fail(document.PlaceOf(n), "label is empty")
		case slices.ContainsFunc(r.config.Routers, same):
			r.Fail(document.PlaceOf(n), "label %q comes twice; metrics could not tell the routers apart", label)
		}
		router.Label = label
	}
}

func (r *reader) server(n *yaml.Node) Server {
	const what = "a server"
	ip, port, most := loopback(), uint16(0), int64(maxConnections)
	var s Server
	found := r.Fields(n, what,
		document.Field{Key: "port", Read: r.Port(&port)},
		document.Field{Key: "ip", Read: r.IP(&ip)},
		document.Field{Key: "dstName", Read: r.dstName(&s.DstName)},
		document.Field{Key: "connectTimeoutMs", Read: r.limit(&s.ConnectTimeout, "connectTimeoutMs", time.Millisecond)},
		document.Field{Key: "connectionLifetimeSecs", Read: r.limit(&s.Lifetime, "connectionLifetimeSecs", time.Second)},
		document.Field{Key: "maxConcurrency", Read: r.Whole(&most, "maxConcurrency", 1, math.MaxInt32)},
		document.Field{Key: "tls", Read: func(n *yaml.Node) { s.TLS = r.tls(n) }},
		document.Field{Key: "congestionControl", Read: r.congestionControl(&s.Congestion.Clients)},
		document.Field{Key: "proxyProtocol", Read: func(n *yaml.Node) { s.Trusted = r.trust(n) }},
	)
	r.Need(n, found, what, "port", "dstName")
	s.Address, s.MaxConnections = netip.AddrPortFrom(ip.Unmap(), port), uint32(most)
	if at, ok := found["port"]; ok {
		r.place(at, s.Address)
	}
	if ip.Zone() != "" {
		r.Fail(found["ip"], "%s has a zone, which is not known here", ip)
	}
	return s
}

// place checks the address of a server.
func (r *reader) place(at document.Place, address netip.AddrPort) {
	if address.Port() == 0 {
		r.Fail(at, "port is 0, and must be from 1 to 65535")
	}
	if slices.Contains(r.addresses, address) {
		r.Fail(at, "%s is another server's", address)
	}
	r.addresses = append(r.addresses, address)
}

// congestionControl reads the name of an algorithm.
func (r *reader) congestionControl(name *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		text, ok := r.Text(n, "congestionControl")
		if !ok {
			return
		}
		if text == "" {
			r.Fail(document.PlaceOf(n), "congestionControl is empty; leave it out for the kernel's default")
		}
		if err := socket.CheckCongestionControl(text); err != nil {
			r.Fail(document.PlaceOf(n), "%v", err)
		}
		*name = text
	}
}

func (r *reader) dstName(name *dtab.Path) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.Path(name, "dstName")(n)
		if *name != nil && len(*name) == 0 {
			r.Fail(document.PlaceOf(n), "dstName is empty")
		}
	}
}
