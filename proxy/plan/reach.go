// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// Reach says what follows TCP on the way to an endpoint. The zero value: nothing.
type Reach struct {
	// ProxyProtocol is the version of the header that tells of the client, before
	// anything else; 0: none.
	ProxyProtocol byte
	// TLS with the endpoint; nil: in the clear. It stays the same while the config says
	// the same, with its sessions.
	TLS *tlsconf.Outgoing
}

// Plain tells that an endpoint is reached once TCP is.
func (r *Reach) Plain() bool { return r.TLS == nil && r.ProxyProtocol == 0 }

// reach reads how the endpoints of a pool are reached.
func (b *building) reach(name string, settings *pushv1.PoolSettings) (r Reach, err error) {
	switch version := settings.GetProxyProtocol(); version {
	case pushv1.ProxyProtocolVersion_PROXY_PROTOCOL_VERSION_UNSPECIFIED:
	case pushv1.ProxyProtocolVersion_PROXY_PROTOCOL_VERSION_V1:
		r.ProxyProtocol = 1
	case pushv1.ProxyProtocolVersion_PROXY_PROTOCOL_VERSION_V2:
		r.ProxyProtocol = 2
	default:
		return r, fmt.Errorf("pool %q: PROXY protocol version %d is not known here", name, version)
	}
	wire := settings.GetTls()
	if wire == nil {
		return r, nil
	}
	// One that has left the config is made anew: what it names may have left the Store.
	if before := b.old.Pools[name]; before != nil && before.TLS != nil && proto.Equal(before.settings.GetTls(), wire) {
		r.TLS = before.TLS
		return r, nil
	}
	r.TLS, err = cmp.Or(b.Identities, &tlsconf.Store{}).Client(tlsconf.Client{
		ServerName:      wire.GetServerName(),
		Bundles:         wire.GetTrustBundles(),
		SubjectAltNames: wire.GetSubjectAltNames(),
		Identity:        wire.GetIdentity(),
		Protocols:       wire.GetProtocols(),
		MinVersion:      uint16(min(wire.GetMinVersion(), math.MaxUint16)),
	})
	if err != nil {
		return r, fmt.Errorf("pool %q: %w", name, err)
	}
	return r, nil
}
