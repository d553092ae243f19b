// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// endTLS fills in how the TLS of a route's clients ends, nil for not at all.
func (b *building) endTLS(r *Route, settings *pushv1.ServerTLS) error {
	if settings == nil {
		return nil
	}
	if before := b.old.Routes[r.Name]; before != nil && before.TLS != nil && proto.Equal(before.tls, settings) && b.trusts(before) {
		r.TLS, r.tls = before.TLS, before.tls
		return nil
	}
	r.tls = proto.CloneOf(settings)
	server, err := b.server(r.tls)
	if err != nil {
		return err
	}
	r.TLS, err = b.identities().Server(server)
	return err
}

// server reads the settings of a server.
func (b *building) server(settings *pushv1.ServerTLS) (tlsconf.Server, error) {
	server := tlsconf.Server{
		Identities: map[string]string{},
		Default:    settings.GetDefaultIdentity(),
		Protocols:  settings.GetProtocols(),
		MinVersion: uint16(min(settings.GetMinVersion(), math.MaxUint16)), // which is no version
	}
	for _, i := range settings.GetIdentities() {
		if server.Identities[i.GetHost()] != "" {
			return server, fmt.Errorf("host name %s has two identities", i.GetHost())
		}
		server.Identities[i.GetHost()] = i.GetIdentity()
	}
	clients := settings.GetClientValidation()
	if clients == nil {
		return server, nil
	}
	if len(clients.GetTrustBundles()) == 0 {
		return server, errors.New("certificates of clients need a trust bundle")
	}
	cas, err := b.identities().CAs(clients.GetTrustBundles())
	server.Clients = tlsconf.Clients{CAs: cas, Required: clients.GetRequired(), Names: clients.GetSubjectAltNames()}
	return server, err
}

// trusts tells whether the TLS of a route trusts what the trust bundles say now.
func (b *building) trusts(r *Route) bool {
	if r.TLS == nil {
		return true
	}
	cas, err := b.identities().CAs(r.tls.GetClientValidation().GetTrustBundles())
	return err == nil && cas.Equal(r.TLS.ClientCAs)
}

func (b *building) identities() *tlsconf.Store { return cmp.Or(b.Identities, &tlsconf.Store{}) }

// ClientValidation is what is asked of the clients of a route whose TLS ends here; nil:
// no certificate. It must not be changed.
func (r *Route) ClientValidation() *pushv1.ClientValidation { return r.tls.GetClientValidation() }

// Materials gives the identities and trust bundles that the plan uses, by kind and name,
// some perhaps twice.
func (p *Plan) Materials() iter.Seq2[pushv1.ResourceKind, string] {
	return func(yield func(pushv1.ResourceKind, string) bool) {
		for _, r := range p.Routes {
			for kind, name := range (&pushv1.Route{Tls: r.tls}).Materials() {
				if !yield(kind, name) {
					return
				}
			}
		}
		for _, pool := range p.Pools {
			for kind, name := range (&pushv1.Pool{Settings: pool.settings}).Materials() {
				if !yield(kind, name) {
					return
				}
			}
		}
	}
}
