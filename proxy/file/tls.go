// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package file

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/proxy/linkerdtcp"
	"github.com/wye-dev/wye/proxy/tlsconf/files"
)

// identities are those that the servers of a configuration refer to.
func identities(routers []linkerdtcp.Router) (all []files.Identity) {
	for _, router := range routers {
		for _, server := range router.Servers {
			if server.TLS == nil {
				continue
			}
			if server.TLS.Default != nil {
				all = append(all, inFiles(*server.TLS.Default))
			}
			for _, host := range slices.Sorted(maps.Keys(server.TLS.Identities)) {
				all = append(all, inFiles(server.TLS.Identities[host]))
			}
		}
	}
	return all
}

// bundles are those of backends that the servers of a configuration reach in TLS.
func bundles(routers []linkerdtcp.Router) (all []files.Bundle) {
	for _, router := range routers {
		for _, server := range router.Servers {
			if t := server.Backends.TLS; t != nil {
				all = append(all, trusted(t))
			}
		}
	}
	return all
}

func trusted(t *linkerdtcp.ClientTLS) files.Bundle {
	return files.Bundle{Where: t.Where, Files: t.TrustCerts}
}

// settings puts on the wire how endpoints are reached; nil: as by default. Bundles go by
// the names of their files.
func settings(b linkerdtcp.Backends) *pushv1.PoolSettings {
	s := &pushv1.PoolSettings{
		ProxyProtocol:  pushv1.ProxyProtocolVersion(b.ProxyProtocol),
		FailureAccrual: failureAccrual(b.FailFast),
		MinConnections: uint32(b.MinConnections),
		MaxPending:     uint32(b.MaxWaiters),
	}
	if b.TLS != nil {
		s.Tls = &pushv1.ClientTLS{ServerName: b.TLS.DNSName, TrustBundles: []string{trusted(b.TLS).Name()}}
	}
	if proto.Size(s) == 0 {
		return nil
	}
	return s
}

func inFiles(i linkerdtcp.Identity) files.Identity {
	return files.Identity{Where: i.Where, Certs: i.Certs, Key: i.PrivateKey}
}

// serverTLS puts on the wire how TLS ends: identities go by the names of their files.
func serverTLS(t *linkerdtcp.TLS) *pushv1.ServerTLS {
	if t == nil {
		return nil
	}
	wire := &pushv1.ServerTLS{Protocols: t.Protocols}
	if t.Default != nil {
		wire.DefaultIdentity = inFiles(*t.Default).Name()
	}
	for _, host := range slices.Sorted(maps.Keys(t.Identities)) {
		wire.Identities = append(wire.Identities, &pushv1.ServerIdentity{Host: host, Identity: inFiles(t.Identities[host]).Name()})
	}
	return wire
}
