// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package kubernetes

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/namerd"
)

const (
	// remember is how long a permission to read stands.
	remember = 10 * time.Second
	// maxRemembered bounds the permissions that are remembered.
	maxRemembered = 4096
)

// access asks the API server who may do what.
type access struct {
	tables         *tables
	callers        *callers
	everybodyReads bool

	mu      sync.Mutex
	granted map[grant]time.Time // when it was granted; mu guards it
}

// grant is a permission to read, of a token that only its hash is kept of.
type grant struct {
	token [sha256.Size]byte
	key   types.NamespacedName
}

// Read makes access a namerd.Access.
func (a *access) Read(r *http.Request, name string) error {
	if a.everybodyReads {
		return nil
	}
	c, err := a.callers.of(r)
	if err != nil {
		return err
	}
	// Who reads no Dtab in particular must be allowed to read all.
	verb, key := "list", types.NamespacedName{}
	if named, err := parseName(name, a.tables.home); err == nil {
		verb, key = "get", named
	}
	g := grant{sha256.Sum256([]byte(c.token)), key}
	if a.known(g) {
		return nil
	}
	allowed, err := c.may(r.Context(), verb, key)
	if err != nil {
		return err
	}
	if !allowed {
		return fmt.Errorf("%w: this token may not %s %s", namerd.ErrForbidden, verb, what(key))
	}
	a.keep(g)
	return nil
}

func what(key types.NamespacedName) string {
	if key.Name == "" {
		return "all dtabs." + v1alpha1.GroupVersion.Group
	}
	return "dtabs." + v1alpha1.GroupVersion.Group + " " + key.String()
}

func (a *access) known(g grant) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.granted[g]) < remember
}

func (a *access) keep(g grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.granted) >= maxRemembered || a.granted == nil {
		a.granted = map[grant]time.Time{}
	}
	a.granted[g] = time.Now()
}

// Writer makes access a namerd.Access.
func (a *access) Writer(r *http.Request) (namerd.Writer, error) {
	c, err := a.callers.of(r)
	if err != nil {
		return nil, err
	}
	client, err := c.client(v1alpha1.GroupVersion)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &writer{tables: a.tables, caller: c, client: client}, nil
}
