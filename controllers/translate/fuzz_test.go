// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzMaterial reads what anybody may put into a Secret. What is good must stay good when
// it is read again, as a proxy does.
func FuzzMaterial(f *testing.F) {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", "certificates", name))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	f.Add(read("shop.crt"), read("shop.key"), read("ca.crt"))
	f.Add(append(read("wild.crt"), read("ca.crt")...), read("wild.key"), append(read("ca.crt"), read("shop.crt")...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte{}, []byte("-----BEGIN"))
	f.Fuzz(func(t *testing.T, certificate, key, authorities []byte) {
		data := map[string][]byte{KeyCertificate: certificate, KeyPrivate: key, KeyAuthorities: authorities}
		m := &Material{Type: "kubernetes.io/tls", Data: data}
		if own, err := m.identity(); err == nil {
			for _, host := range own.hosts {
				if !askedFor(host) {
					t.Errorf("nobody asks for %q", host)
				}
			}
		}
		text, err := m.bundle()
		if err != nil {
			return
		}
		again := &Material{Data: map[string][]byte{KeyAuthorities: text}}
		if next, err := again.bundle(); err != nil || string(next) != string(text) {
			t.Errorf("a bundle that was good: %v", err)
		}
	})
}
