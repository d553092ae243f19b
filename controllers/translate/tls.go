// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"crypto/tls"
	"maps"
	"slices"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
	"github.com/wye-dev/wye/api/v1alpha1"
)

// wireTLS says how the TLS of a route's clients ends; nil for not at the proxies. Of two
// certificates with one name the first is for it, and the first of all is for the rest.
func wireTLS(namespace string, b Bound) *pushv1.ServerTLS {
	if !b.Spec.Terminates() {
		return nil
	}
	spec := b.Spec.TLS
	wire := &pushv1.ServerTLS{MinVersion: wireVersion(spec.MinVersion), ClientValidation: wireValidation(namespace, spec.ClientValidation)}
	taken := map[string]bool{} // host name
	for _, name := range spec.CertificateRefs {
		ref := Ref{KindSecret, namespace, name.Name}
		own, err := b.Materials[use{ref, false}].identity()
		if err != nil {
			continue // cannot be: what is not good is in no form
		}
		wire.DefaultIdentity = cmp.Or(wire.DefaultIdentity, ref.String())
		for _, host := range own.hosts {
			if !taken[host] {
				taken[host] = true
				wire.Identities = append(wire.Identities, &pushv1.ServerIdentity{Host: host, Identity: ref.String()})
			}
		}
	}
	slices.SortFunc(wire.Identities, func(a, b *pushv1.ServerIdentity) int { return cmp.Compare(a.Host, b.Host) })
	for _, p := range spec.ALPNProtocols {
		wire.Protocols = append(wire.Protocols, string(p))
	}
	return wire
}

func wireVersion(v v1alpha1.TLSVersion) uint32 {
	if v == v1alpha1.TLS13 {
		return tls.VersionTLS13
	}
	return 0
}

func wireValidation(namespace string, v *v1alpha1.ClientValidation) *pushv1.ClientValidation {
	if v == nil {
		return nil
	}
	return &pushv1.ClientValidation{
		Required:        v.Mode != v1alpha1.ClientValidationOptional,
		SubjectAltNames: v.SubjectAltNames,
		TrustBundles:    bundleNames(v.CACertificateRefs, namespace),
	}
}

// addMaterials puts into a config what its routes and pools name of identities and trust
// bundles: all of that and nothing else.
func addMaterials(c *pushv1.Config, drafts []*draft) {
	// What is good for a use now is so in every form, so forms that share one agree on it.
	held := map[use]*Material{}
	for _, d := range drafts {
		if d.form != nil {
			maps.Copy(held, d.form.Materials)
		}
	}
	identities, bundles := map[string]*pushv1.Identity{}, map[string]*pushv1.TrustBundle{}
	take := func(kind pushv1.ResourceKind, name string) {
		u := use{parseRef(name), kind == pushv1.ResourceKind_RESOURCE_KIND_TRUST_BUNDLE}
		switch m := held[u]; {
		case m == nil:
		case u.bundle:
			if text, err := m.bundle(); err == nil {
				bundles[name] = &pushv1.TrustBundle{Name: name, Certificates: text}
			}
		default:
			if own, err := m.identity(); err == nil {
				identities[name] = &pushv1.Identity{Name: name, Chain: own.chain, Key: own.key}
			}
		}
	}
	for _, r := range c.Routes {
		for kind, name := range r.Materials() {
			take(kind, name)
		}
	}
	for _, p := range c.Pools {
		for kind, name := range p.Materials() {
			take(kind, name)
		}
	}
	c.Identities, c.TrustBundles = valuesByKey(identities), valuesByKey(bundles)
}

// terminates tells whether the TLS of any route's clients ends at the proxies.
func terminates(c *pushv1.Config) bool {
	return slices.ContainsFunc(c.Routes, func(r *pushv1.Route) bool { return r.Tls != nil })
}
