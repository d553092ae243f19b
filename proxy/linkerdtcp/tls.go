// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package linkerdtcp

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// maxCerts bounds the files of one chain.
const maxCerts = 16

// tls reads how the TLS of clients ends. Identities without a default, and wildcards
// among them, are beyond linkerd-tcp.
func (r *reader) tls(n *yaml.Node) *TLS {
	const what = "tls of a server"
	t := &TLS{}
	found := r.Fields(n, what,
		document.Field{Key: "defaultIdentity", Read: func(n *yaml.Node) {
			identity := r.identity(n, "defaultIdentity")
			t.Default = &identity
		}},
		document.Field{Key: "identities", Read: func(n *yaml.Node) { t.Identities = r.identities(n) }},
		document.Field{Key: "alpnProtocols", Read: func(n *yaml.Node) {
			t.Protocols = r.texts(n, "alpnProtocols", "a protocol")
			if err := tlsconf.CheckProtocols(t.Protocols); err != nil {
				r.Fail(document.PlaceOf(document.Follow(n)), "alpnProtocols: %v", err)
			}
		}},
	)
	_, some := found["identities"]
	if _, one := found["defaultIdentity"]; !one && !some {
		r.Fail(document.PlaceOf(document.Follow(n)), "%s needs defaultIdentity, or identities", what)
	}
	return t
}

// identities reads host names with an identity each.
func (r *reader) identities(n *yaml.Node) map[string]Identity {
	n = document.Follow(n)
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.Fail(document.PlaceOf(n), "identities must be a mapping of host names to identities")
		return nil
	}
	all := map[string]Identity{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := document.PlaceOf(n.Content[i])
		text, ok := r.Text(n.Content[i], "a host name")
		if !ok {
			continue
		}
		host := strings.ToLower(text)
		if err := tlsconf.CheckHost(host); err != nil {
			r.Fail(at, "identities: %v", err)
		}
		if _, double := all[host]; double {
			r.Fail(at, "host name %s has an identity already", host)
		}
		all[host] = r.identity(n.Content[i+1], fmt.Sprintf("identity of %s", host))
	}
	return all
}

func (r *reader) identity(n *yaml.Node, what string) Identity {
	at := document.PlaceOf(document.Follow(n))
	i := Identity{Where: fmt.Sprintf("%s:%d:%d: %s", r.name, at.Line, at.Column, what)}
	found := r.Fields(n, what,
		document.Field{Key: "certs", Read: func(n *yaml.Node) {
			if list := document.Follow(n); len(list.Content) == 0 || len(list.Content) > maxCerts {
				r.Fail(document.PlaceOf(list), "certs must be a list of 1 to %d files", maxCerts)
				return
			}
			i.Certs = r.texts(n, "certs", "a file name")
		}},
		document.Field{Key: "privateKey", Read: func(n *yaml.Node) {
			text, ok := r.Text(n, "privateKey")
			if ok && text == "" {
				r.Fail(document.PlaceOf(n), "privateKey is empty")
			}
			i.PrivateKey = text
		}},
	)
	r.Need(n, found, what, "certs", "privateKey")
	return i
}

// clientTLS reads how TLS to backends is done. As in linkerd-tcp nothing is trusted but
// what is named.
func (r *reader) clientTLS(n *yaml.Node) *ClientTLS {
	const what = "tls of a client"
	at := document.PlaceOf(document.Follow(n))
	t := &ClientTLS{Where: fmt.Sprintf("%s:%d:%d: %s", r.name, at.Line, at.Column, what)}
	found := r.Fields(n, what,
		document.Field{Key: "dnsName", Read: func(n *yaml.Node) {
			text, ok := r.Text(n, "dnsName")
			if err := tlsconf.CheckServerName(text); ok && err != nil {
				r.Fail(document.PlaceOf(n), "dnsName: %v", err)
			}
			t.DNSName = text
		}},
		document.Field{Key: "trustCerts", Read: func(n *yaml.Node) {
			if t.TrustCerts = r.texts(n, "trustCerts", "a file name"); len(t.TrustCerts) > maxCerts {
				r.Fail(document.PlaceOf(n), "trustCerts are %d files, which is more than %d", len(t.TrustCerts), maxCerts)
			}
		}},
	)
	r.Need(n, found, what, "dnsName")
	if len(t.TrustCerts) == 0 {
		r.Warn(at, "%s has no trustCerts, so no backend is trusted, and none can be reached", what)
	}
	return t
}

// texts reads a list of texts, none of them empty.
func (r *reader) texts(n *yaml.Node, what, item string) (texts []string) {
	for _, n := range r.Items(n, what) {
		text, ok := r.Text(n, item)
		if ok && text == "" {
			r.Fail(document.PlaceOf(n), "%s is empty", item)
		}
		texts = append(texts, text)
	}
	return texts
}
