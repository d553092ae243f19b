//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// enough is how many violations are kept.
const enough = 10

// tally counts conversations and keeps what should not have happened.
type tally struct {
	mu         sync.Mutex
	done       map[string]int // guarded by mu: kind -> conversations that went as they should
	bytes      int64          // guarded by mu: both ways, of those
	hurt       int            // guarded by mu: conversations ended by a kill
	handshakes map[string]int // guarded by mu: version of TLS, and whether resumed -> how many
	violations []string       // guarded by mu: the first
}

func newTally() *tally { return &tally{done: map[string]int{}, handshakes: map[string]int{}} }

// client notes how a conversation went for its client. excused says that an endpoint
// was killed under it.
func (t *tally) client(kind string, moved int64, err error, excused bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.done[kind]++
		t.bytes += moved
	case excused && !errors.Is(err, errWrong):
		t.hurt++
	default:
		t.keep(fmt.Sprintf("%s, client: %v", kind, err))
	}
}

// resumed follows the version of TLS in the name of a kind of handshake.
const resumed = " resumed"

// handshake notes one of TLS.
func (t *tally) handshake(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handshakes[kind]++
}

// wantHandshakes wants some of each kind, if nothing else has cut the test short.
func (t *tally) wantHandshakes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.violations) > 0 {
		return
	}
	for _, version := range versions() {
		for _, kind := range []string{tls.VersionName(version), tls.VersionName(version) + resumed} {
			if t.handshakes[kind] == 0 {
				t.keep("no handshake was: " + kind)
			}
		}
	}
}

// backend notes what went wrong for a backend.
func (t *tally) backend(kind string, err error, excused bool) {
	if err == nil || excused && !errors.Is(err, errWrong) {
		return
	}
	t.violation("%s, backend: %v", kind, err)
}

func (t *tally) violation(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keep(fmt.Sprintf(format, args...))
}

// keep keeps a violation. t.mu is held.
func (t *tally) keep(text string) {
	if len(t.violations) < enough {
		t.violations = append(t.violations, text)
	}
}

func (t *tally) found() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.violations)
}

// String is the counts, for people.
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%s; %.1f GiB; %d ended by kills; handshakes: %s",
		counts(t.done), float64(t.bytes)/(1<<30), t.hurt, counts(t.handshakes))
}

// counts are numbers by name, for people.
func counts(of map[string]int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		texts = append(texts, fmt.Sprintf("%s %d", name, of[name]))
	}
	return strings.Join(texts, ", ")
}
