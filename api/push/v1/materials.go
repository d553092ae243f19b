// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pushv1

import "iter"

// Materials gives the identities and trust bundles that the TLS of a route's clients
// needs, by kind and name, some perhaps twice.
func (x *Route) Materials() iter.Seq2[ResourceKind, string] {
	return func(yield func(ResourceKind, string) bool) {
		tls := x.GetTls()
		for _, i := range tls.GetIdentities() {
			if !yield(ResourceKind_RESOURCE_KIND_IDENTITY, i.GetIdentity()) {
				return
			}
		}
		materials(tls.GetDefaultIdentity(), tls.GetClientValidation().GetTrustBundles(), yield)
	}
}

// Materials gives the identities and trust bundles that TLS to a pool's endpoints needs,
// by kind and name, some perhaps twice.
func (x *Pool) Materials() iter.Seq2[ResourceKind, string] {
	return func(yield func(ResourceKind, string) bool) {
		tls := x.GetSettings().GetTls()
		materials(tls.GetIdentity(), tls.GetTrustBundles(), yield)
	}
}

func materials(identity string, bundles []string, yield func(ResourceKind, string) bool) {
	if identity != "" && !yield(ResourceKind_RESOURCE_KIND_IDENTITY, identity) {
		return
	}
	for _, bundle := range bundles {
		if !yield(ResourceKind_RESOURCE_KIND_TRUST_BUNDLE, bundle) {
			return
		}
	}
}

// SavedPart is a config without what must not be kept anywhere: the keys of identities
// and of tickets. It shares the rest, and must not be changed.
func (x *Config) SavedPart() *Config {
	return &Config{
		Generation:   x.GetGeneration(),
		Listeners:    x.GetListeners(),
		Routes:       x.GetRoutes(),
		Pools:        x.GetPools(),
		Retained:     x.GetRetained(),
		TrustBundles: x.GetTrustBundles(),
	}
}
