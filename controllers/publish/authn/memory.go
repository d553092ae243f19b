// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// rememberValid is how long a good answer stands: the longest that a
	// revoked token still opens sessions.
	rememberValid = 10 * time.Second
	// rememberInvalid is how long a bad answer stands: short, because a token
	// may be seen here before the API server knows its pod.
	rememberInvalid = 2 * time.Second
	// maxRemembered bounds the answers kept.
	maxRemembered = 4096
)

// memory keeps the answers of the last seconds, by the hash of the token. The
// zero value is empty and ready.
type memory struct {
	mu      sync.Mutex
	answers map[[sha256.Size]byte]answer // hash of token -> answer
}

type answer struct {
	identity Identity
	err      error
	until    time.Time
}

func (m *memory) recall(token string) (Identity, error, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.answers[sha256.Sum256([]byte(token))]
	if !ok || !time.Now().Before(a.until) {
		return Identity{}, nil, false
	}
	return a.identity, a.err, true
}

func (m *memory) keep(token string, identity Identity, err error) {
	now, life := time.Now(), rememberValid
	if err != nil {
		life = rememberInvalid
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.answers) >= maxRemembered {
		m.makeRoom(now)
	}
	if m.answers == nil {
		m.answers = map[[sha256.Size]byte]answer{}
	}
	m.answers[sha256.Sum256([]byte(token))] = answer{identity, err, now.Add(life)}
}

// makeRoom drops what is over, or everything when nothing is: an answer costs
// one review to have again.
func (m *memory) makeRoom(now time.Time) {
	for hash, a := range m.answers {
		if !now.Before(a.until) {
			delete(m.answers, hash)
		}
	}
	if len(m.answers) >= maxRemembered {
		clear(m.answers)
	}
}
