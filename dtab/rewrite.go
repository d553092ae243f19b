// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"slices"
	"strings"
)

// rewriting is the function of a namer under /$/ that gives a path to be resolved
// again, or nil if there is no such namer. The function takes the path behind
// the namer's own name; false says that the path does not fit.
func rewriting(kind string) func(Path) (Path, bool) {
	switch kind {
	case "io.buoyant.hostportPfx":
		return hostPort
	case "io.buoyant.porthostPfx":
		return portHost
	case "io.buoyant.http.anyMethod":
		return anyMethod
	case "io.buoyant.http.anyMethodPfx":
		return behindFirst(anyMethod)
	case "io.buoyant.http.anyHost":
		return anyHost
	case "io.buoyant.http.anyHostPfx":
		return behindFirst(anyHost)
	case "io.buoyant.http.subdomainOf":
		return subdomainOf
	case "io.buoyant.http.subdomainOfPfx":
		return subdomainOfPfx
	case "io.buoyant.http.domainToPath":
		return domainToPath
	case "io.buoyant.http.domainToPathPfx":
		return behindFirst(domainToPath)
	}
	return nil
}

func rewritten(p Path, ok bool) Tree[Name] {
	if !ok {
		return Tree[Name]{Kind: Neg}
	}
	return Tree[Name]{Kind: Leaf, Leaf: Name{Path: p}}
}

// behindFirst keeps the first segment and rewrites what follows it.
func behindFirst(rewrite func(Path) (Path, bool)) func(Path) (Path, bool) {
	return func(p Path) (Path, bool) {
		if len(p) == 0 {
			return nil, false
		}
		rest, ok := rewrite(p[1:])
		return concat(p[:1:1], rest), ok
	}
}

// hostPort makes /pfx/host/port/rest of /pfx/host:port/rest.
func hostPort(p Path) (Path, bool) {
	host, port, ok := splitHostPort(p)
	if !ok {
		return nil, false
	}
	return concat(Path{p[0], host, port}, p[2:]), true
}

// portHost makes /pfx/port/host/rest of /pfx/host:port/rest.
func portHost(p Path) (Path, bool) {
	host, port, ok := splitHostPort(p)
	if !ok {
		return nil, false
	}
	return concat(Path{p[0], port, host}, p[2:]), true
}

// splitHostPort splits the second segment at its only colon.
func splitHostPort(p Path) (host, port string, ok bool) {
	if len(p) < 2 {
		return "", "", false
	}
	host, port, ok = strings.Cut(p[1], ":")
	return host, port, ok && host != "" && isPortName(port)
}

// isPortName tells whether a text is a DNS label, but that it may end in a dash.
func isPortName(text string) bool {
	if text == "" || len(text) > 63 || text[0] == '-' {
		return false
	}
	return madeOf(text, func(c byte) bool {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
	})
}

// anyMethod drops an HTTP method.
func anyMethod(p Path) (Path, bool) {
	if len(p) == 0 || !madeOf(p[0], func(c byte) bool { return 'A' <= c && c <= 'Z' }) {
		return nil, false
	}
	return p[1:], true
}

// anyHost drops a host.
func anyHost(p Path) (Path, bool) {
	if len(p) == 0 || !isHost(p[0]) {
		return nil, false
	}
	return p[1:], true
}

// isHost tells whether a text can be a host, with or without a port. It is no
// closer check than linkerd's.
func isHost(text string) bool {
	return madeOf(text, func(c byte) bool {
		return showable(c) && c != '#' && c != '$' && c != '%'
	})
}

// subdomainOf makes /sub/rest of /domain/sub.domain:port/rest.
func subdomainOf(p Path) (Path, bool) {
	if len(p) < 2 {
		return nil, false
	}
	sub, ok := subdomain(p[0], p[1])
	return concat(Path{sub}, p[2:]), ok
}

// subdomainOfPfx makes /pfx/sub/rest of /domain/pfx/sub.domain:port/rest.
func subdomainOfPfx(p Path) (Path, bool) {
	if len(p) < 3 {
		return nil, false
	}
	sub, ok := subdomain(p[0], p[2])
	return concat(Path{p[1], sub}, p[3:]), ok
}

// subdomain is what stands before the domain in a host, whose port counts for nothing.
func subdomain(domain, host string) (string, bool) {
	if !isHost(domain) || !isHost(host) {
		return "", false
	}
	if port := strings.IndexByte(host, ':'); port > 0 {
		host = host[:port]
	}
	sub, ok := strings.CutSuffix(host, "."+domain)
	return sub, ok && sub != ""
}

// domainToPath makes /c/b/a/rest of /a.b.c/rest. Dots at the end count for nothing.
func domainToPath(p Path) (Path, bool) {
	if len(p) == 0 || !isHost(p[0]) {
		return nil, false
	}
	labels := strings.Split(strings.TrimRight(p[0], "."), ".")
	if slices.Contains(labels, "") {
		return nil, false
	}
	slices.Reverse(labels)
	return concat(labels, p[1:]), true
}

// madeOf tells whether all bytes of a text, at least one, are of a kind.
func madeOf(text string, kind func(byte) bool) bool {
	for i := range len(text) {
		if !kind(text[i]) {
			return false
		}
	}
	return text != ""
}
