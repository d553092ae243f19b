// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// reach fills in how the endpoints of an arm are reached: as its backend says, else as
// the route does.
func reach(settings *pushv1.PoolSettings, spec v1alpha1.TCPRouteSpec, a Arm) {
	secure, version := spec.BackendTLS, spec.ProxyProtocol
	for _, b := range spec.Backends {
		if b.Name == a.Name {
			secure, version = cmp.Or(b.TLS, secure), cmp.Or(b.ProxyProtocol, version)
		}
	}
	settings.Tls = wireBackendTLS(secure, a.Namespace)
	switch version {
	case v1alpha1.ProxyProtocolV1:
		settings.ProxyProtocol = pushv1.ProxyProtocolVersion_PROXY_PROTOCOL_VERSION_V1
	case v1alpha1.ProxyProtocolV2:
		settings.ProxyProtocol = pushv1.ProxyProtocolVersion_PROXY_PROTOCOL_VERSION_V2
	}
}

// wireBackendTLS names what is in Secrets and ConfigMaps by their Ref. No trust bundle
// stands for the system's.
func wireBackendTLS(t *v1alpha1.BackendTLS, namespace string) *pushv1.ClientTLS {
	if t == nil {
		return nil
	}
	wire := &pushv1.ClientTLS{
		ServerName: t.Hostname, SubjectAltNames: t.SubjectAltNames, MinVersion: wireVersion(t.MinVersion),
		TrustBundles: bundleNames(t.CACertificateRefs, namespace),
	}
	if ref := t.ClientCertificateRef; ref != nil {
		wire.Identity = Ref{KindSecret, namespace, ref.Name}.String()
	}
	for _, protocol := range t.ALPNProtocols {
		wire.Protocols = append(wire.Protocols, string(protocol))
	}
	return wire
}
