// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wye-dev/wye/proxy/tlsconf"
)

// Names tells the routes of a listener apart by what their clients ask for in TLS.
type Names struct {
	// Host name, .SUFFIX for what is *.SUFFIX, or nothing for any name -> routes.
	routes map[string][]*Route
	titles map[string]*Route // name of the route -> route
}

const anyName = ""

// NoRoute says why there is no route for a client.
type NoRoute struct {
	Name  string // that it asks for
	Named bool   // there are routes for the name, but for none of its protocols
}

func (n *NoRoute) Error() string {
	switch {
	case n.Named:
		return fmt.Sprintf("no route for host name %q has a protocol that the client offers", n.Name)
	case n.Name == "":
		return "no route is for clients that ask for no host name"
	default:
		return fmt.Sprintf("no route is for host name %q", n.Name)
	}
}

// RouteFor returns the route for clients that ask for a name (in lower case, empty for
// none, of at most 253 bytes) and offer protocols. An exact name goes before *.SUFFIX,
// and a longer suffix before a shorter one; among the routes of a name, one for a
// protocol goes before one for all.
func (l *Listener) RouteFor(name string, protocols []string) (*Route, *NoRoute) {
	found := &NoRoute{Name: name}
	if l.Names != nil {
		for at := 0; at < len(name) && name[0] != '.'; at = nextSuffix(name, at) {
			if r := found.among(l.Names.routes[name[at:]], protocols); r != nil {
				return r, nil
			}
		}
		if r := found.among(l.Names.routes[anyName], protocols); r != nil {
			return r, nil
		}
	}
	if l.Route != nil {
		return l.Route, nil
	}
	return nil, found
}

// nextSuffix is where the next .SUFFIX of a name begins, behind at least one byte.
func nextSuffix(name string, at int) int {
	if dot := strings.IndexByte(name[at+1:], '.'); dot >= 0 {
		return at + 1 + dot
	}
	return len(name)
}

// among looks for a route among those of a name.
func (n *NoRoute) among(list []*Route, protocols []string) *Route {
	n.Named = n.Named || len(list) > 0
	return pick(list, protocols)
}

// pick chooses among the routes of a name.
func pick(list []*Route, protocols []string) *Route {
	for _, p := range protocols {
		for _, r := range list {
			if slices.Contains(r.protocols, p) {
				return r
			}
		}
	}
	for _, r := range list {
		if len(r.protocols) == 0 {
			return r
		}
	}
	return nil
}

// room tells who has the place of a route on the listener, if somebody has.
func (l *Listener) room(r *Route) error {
	if r.forAll() {
		if l.Route != nil {
			return conflict(l, anyName, l.Route)
		}
		return nil
	}
	if l.Names == nil {
		return nil
	}
	for _, host := range keys(r.Hostnames) {
		for _, other := range l.Names.routes[host] {
			if overlap(r.protocols, other.protocols) {
				return conflict(l, host, other)
			}
		}
	}
	return nil
}

// forAll tells whether a route is for clients that no other route is for.
func (r *Route) forAll() bool { return len(r.Hostnames) == 0 && len(r.protocols) == 0 }

// add puts a route on the listener, where it has room.
func (l *Listener) add(r *Route) {
	if r.forAll() {
		l.Route = r
		return
	}
	if l.Names == nil {
		l.Names = &Names{routes: map[string][]*Route{}, titles: map[string]*Route{}}
	}
	l.Names.titles[r.Name] = r
	for _, host := range keys(r.Hostnames) {
		l.Names.routes[host] = append(l.Names.routes[host], r)
	}
}

// Now is the newest form of a route that connections of the listener have been given
// to; that form itself, if the listener has the route no more.
func (l *Listener) Now(r *Route) *Route {
	switch {
	case l.Route != nil && l.Route.Name == r.Name:
		return l.Route
	case l.Names != nil && l.Names.titles[r.Name] != nil:
		return l.Names.titles[r.Name]
	default:
		return r
	}
}

// keys of host names in Names.
func keys(hosts []string) []string {
	if len(hosts) == 0 {
		return []string{anyName}
	}
	keys := make([]string, len(hosts))
	for i, host := range hosts {
		keys[i] = strings.TrimPrefix(strings.ToLower(host), "*")
	}
	return keys
}

// overlap tells whether two routes of one name would be for the same clients.
func overlap(a, b []string) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(p string) bool { return slices.Contains(b, p) })
}

func conflict(l *Listener, host string, holder *Route) error {
	switch {
	case host == anyName:
		return fmt.Errorf("listener %q already has route %q", l.Name, holder.Name)
	case host[0] == '.':
		host = "*" + host
	}
	return fmt.Errorf("host name %s of listener %q is route %q's", host, l.Name, holder.Name)
}

// checkNames checks by what a route is told from others.
func checkNames(hosts, protocols []string) error {
	for i, host := range hosts {
		if err := tlsconf.CheckHost(host); err != nil {
			return err
		}
		if slices.Contains(hosts[:i], host) {
			return fmt.Errorf("host name %s comes twice", host)
		}
	}
	return tlsconf.CheckProtocols(protocols)
}
