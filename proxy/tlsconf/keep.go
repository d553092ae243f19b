// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tlsconf

import (
	"crypto/x509"
	"fmt"
	"maps"
)

// CAs are the certificates of bundles together, nil without names. Pools of the same
// certificates are Equal.
func (s *Store) CAs(names []string) (*x509.CertPool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	bundles := make([]*Bundle, 0, len(names))
	for _, name := range names {
		shelf := s.findBundle(name)
		if shelf == nil {
			return nil, fmt.Errorf("trust bundle %q is not there", name)
		}
		bundles = append(bundles, shelf.current.Load())
	}
	return pool(bundles), nil
}

// Keep drops all identities and bundles but those named. Configs made of what is dropped
// go on with it as it was.
func (s *Store) Keep(identities, bundles map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.slots, func(name string, _ *slot) bool { return !identities[name] })
	maps.DeleteFunc(s.bundles, func(name string, _ *shelf) bool { return !bundles[name] })
}
