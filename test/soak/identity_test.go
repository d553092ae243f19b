//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/wye-dev/wye/proxy/pushtest"
)

const (
	// host is the name in the certificates.
	host = "soak"
	// soon is how long after it was written a certificate must be in force.
	soon = 5 * time.Second
)

// identity is the files of a certificate and its key, which are replaced one after
// the other, each by a rename.
type identity struct {
	authority  *pushtest.Authority
	roots      *x509.CertPool
	certs, key string   // files
	broken     bool     // they cannot be used. Of the goroutine that makes changes
	shower     *program // shows it to its clients

	mu      sync.Mutex
	numbers map[string]int // guarded by mu: certificate, in DER -> its place in written
	written []time.Time    // guarded by mu: when each was
	newest  int            // guarded by mu: place in written of the newest that was shown
}

func newIdentity(t *testing.T, authority *pushtest.Authority, dir, name string) *identity {
	t.Helper()
	id := &identity{
		authority: authority,
		roots:     x509.NewCertPool(),
		certs:     filepath.Join(dir, name+".pem"),
		key:       filepath.Join(dir, name+".key"),
		numbers:   map[string]int{},
	}
	id.roots.AppendCertsFromPEM(authority.PEM)
	id.renew(t)
	return id
}

// name is the identity's label in metrics.
func (id *identity) name() string { return id.certs + "," + id.key }

// renew writes a new certificate and its key.
func (id *identity) renew(t *testing.T) {
	t.Helper()
	chain, key := id.authority.Identity(t, host)
	block, _ := pem.Decode(chain)
	id.mu.Lock() // nobody is shown it before it is known
	defer id.mu.Unlock()
	replace(t, id.certs, chain)
	replace(t, id.key, key)
	id.numbers[string(block.Bytes)] = len(id.written)
	id.written = append(id.written, time.Now())
	id.broken = false
}

// spoil writes something that cannot be used.
func (id *identity) spoil(t *testing.T, how int) {
	t.Helper()
	chain, key := id.authority.Identity(t, host)
	switch how % 4 {
	case 0:
		replace(t, id.certs, chain) // without its key
	case 1:
		replace(t, id.key, key)
	case 2:
		replace(t, id.certs, chain[:len(chain)/2])
	default:
		if err := os.Remove(id.key); err != nil {
			t.Fatal(err)
		}
	}
	id.broken = true
}

// known tells whether the newest certificate was shown.
func (id *identity) known() bool {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.newest == len(id.written)-1
}

// least is the oldest certificate that a handshake may show which begins now.
func (id *identity) least() int {
	id.mu.Lock()
	defer id.mu.Unlock()
	least := id.newest
	for i := least + 1; i < len(id.written) && time.Since(id.written[i]) > soon; i++ {
		least = i
	}
	return least
}

// shown notes that a handshake has shown a certificate.
func (id *identity) shown(c *x509.Certificate, least int) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	number, known := id.numbers[string(c.Raw)]
	switch {
	case !known:
		return errors.New("a certificate that cannot be used is shown")
	case number < least:
		return fmt.Errorf("certificate %d is shown, when it must be %d or newer", number, least)
	}
	id.newest = max(id.newest, number)
	return nil
}

// replace renames a new file over another.
func replace(t *testing.T, file string, text []byte) {
	t.Helper()
	next := write(t, filepath.Dir(file), filepath.Base(file)+".next", text)
	if err := os.Rename(next, file); err != nil {
		t.Fatal(err)
	}
}
