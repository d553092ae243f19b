// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// endTLS fills in how the TLS of a route's clients ends, nil for not at all.
func (b *building) endTLS(r *Route, settings *pushv1.ServerTLS) (err error) {
	if settings == nil {
		return nil
	}
	if before := b.old.Routes[r.Name]; before != nil && before.TLS != nil && proto.Equal(before.tls, settings) {
		r.TLS, r.tls = before.TLS, before.tls
		return nil
	}
	r.tls = proto.CloneOf(settings)
	hosts := map[string]string{} // host name -> identity
	for _, i := range settings.GetIdentities() {
		if hosts[i.GetHost()] != "" {
			return fmt.Errorf("host name %s has two identities", i.GetHost())
		}
		hosts[i.GetHost()] = i.GetIdentity()
	}
	identities := cmp.Or(b.Identities, &tlsconf.Store{})
	r.TLS, err = identities.Server(tlsconf.Server{
		Identities: hosts,
		Default:    settings.GetDefaultIdentity(),
		Protocols:  settings.GetProtocols(),
	})
	return err
}
