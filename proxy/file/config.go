// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/plan"
	"github.com/wye-dev/wye/proxy/resolve"
)

// route is a server of the configuration as a route of the data plane.
type route struct {
	server linkerdtcp.Server
	name   *name
	title  string // unique
}

// config is what the routes come to whose names have been answered. It has no
// generation.
func config(routes []route) *pushv1.Config {
	c := &pushv1.Config{}
	known := map[*name]*resolve.Answer{}
	for _, r := range routes {
		answer, seen := known[r.name]
		if !seen {
			answer = r.name.known().Answer
			known[r.name] = answer
			c.Pools = append(c.Pools, pools(r.name, answer)...)
		}
		if answer != nil {
			c.Listeners = append(c.Listeners, r.listener())
			c.Routes = append(c.Routes, r.route(answer))
		}
	}
	slices.SortFunc(c.Listeners, func(a, b *pushv1.Listener) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Routes, func(a, b *pushv1.Route) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(c.Pools, func(a, b *pushv1.Pool) int { return cmp.Compare(a.Name, b.Name) })
	return c
}

// maxHandshakes is how many clients of a server may be in the middle of their TLS, or
// of what a proxy says of them, at a time, as by default in a fleet. linkerd-tcp has no key for it.
const maxHandshakes = 4096

func (r route) listener() *pushv1.Listener {
	l := &pushv1.Listener{
		Name:              "tcp/" + r.server.Address.String(),
		Address:           r.server.Address.Addr().String(),
		Port:              uint32(r.server.Address.Port()),
		MaxConnections:    r.server.MaxConnections,
		CongestionControl: r.server.Congestion.Clients,
	}
	for _, net := range r.server.Trusted {
		if l.ProxyProtocol == nil {
			l.ProxyProtocol = &pushv1.AcceptedProxyProtocol{}
		}
		l.ProxyProtocol.TrustedCidrs = append(l.ProxyProtocol.TrustedCidrs, net.String())
	}
	if r.server.TLS != nil || l.ProxyProtocol != nil {
		l.MaxHandshakes = maxHandshakes
	}
	return l
}

func (r route) route(answer *resolve.Answer) *pushv1.Route {
	wire := &pushv1.Route{
		Name:              r.title,
		Listener:          r.listener().GetName(),
		Tree:              r.name.tree(answer.Tree),
		Timeouts:          timeouts(r.server),
		Tls:               serverTLS(r.server.TLS),
		CongestionControl: r.server.Congestion.Backends,
	}
	wire.Hash = hash(wire)
	return wire
}

// hash is the content hash of a route that has none yet.
func hash(r *pushv1.Route) string {
	// Marshal fails only on texts that are not UTF-8, and ours were read as YAML or
	// are canonical paths.
	bytes, _ := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	sum := sha256.Sum256(bytes)
	return hex.EncodeToString(sum[:8])
}

// timeouts of a server. linkerd-tcp ends no connection because it is idle, and
// waits for ever to be connected where it is given no limit, which this does not.
func timeouts(server linkerdtcp.Server) *pushv1.Timeouts {
	connect := server.ConnectTimeout
	if connect == 0 {
		connect = max(plan.DefaultConnect, server.AttemptTimeout)
	}
	t := &pushv1.Timeouts{Connect: durationpb.New(connect), Idle: durationpb.New(0)}
	if server.AttemptTimeout > 0 {
		t.Attempt = durationpb.New(server.AttemptTimeout)
	}
	if server.Lifetime > 0 {
		t.Lifetime = durationpb.New(server.Lifetime)
	}
	return t
}

// pool names the endpoint set of a concrete name: other routers, with other namerds,
// may know other endpoints by that name.
func (n *name) pool(id dtab.Path) string {
	return n.router + n.path.String() + ": " + id.String()
}

func pools(n *name, answer *resolve.Answer) (pools []*pushv1.Pool) {
	if answer == nil {
		return nil
	}
	done := map[string]bool{}
	resolve.ForNames(answer.Tree, func(id dtab.Path) {
		name := n.pool(id)
		if !done[name] {
			done[name] = true
			pools = append(pools, &pushv1.Pool{Name: name, Endpoints: endpoints(answer.Endpoints[id.String()]), Settings: n.settings})
		}
	})
	return pools
}

func endpoints(list []namer.Endpoint) []*pushv1.Endpoint {
	wire := make([]*pushv1.Endpoint, len(list))
	for i, e := range list {
		wire[i] = &pushv1.Endpoint{
			Address: e.Addr.Addr().Unmap().WithZone("").String(),
			Port:    uint32(e.Addr.Port()),
			Weight:  e.Weight,
			Node:    e.Node,
		}
	}
	return wire
}

// tree puts a bound tree on the wire. Arms go by the concrete name.
func (n *name) tree(t dtab.Tree[dtab.Path]) *pushv1.Tree {
	switch t.Kind {
	case dtab.Fail:
		return &pushv1.Tree{Kind: &pushv1.Tree_Fail{Fail: &pushv1.Fail{}}}
	case dtab.Empty:
		return &pushv1.Tree{Kind: &pushv1.Tree_Empty{Empty: &pushv1.Empty{}}}
	case dtab.Leaf:
		return &pushv1.Tree{Kind: &pushv1.Tree_Leaf{Leaf: &pushv1.Leaf{Arm: t.Leaf.String(), Pool: n.pool(t.Leaf)}}}
	case dtab.Union:
		union := &pushv1.Union{}
		for _, c := range t.Children {
			union.Trees = append(union.Trees, &pushv1.Weighted{Weight: c.Weight, Tree: n.tree(c.Tree)})
		}
		return &pushv1.Tree{Kind: &pushv1.Tree_Union{Union: union}}
	default: // binding leaves no alternatives
		return &pushv1.Tree{Kind: &pushv1.Tree_Neg{Neg: &pushv1.Neg{}}}
	}
}
