//go:build soak

// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package soak

import (
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
	violations []string       // guarded by mu: the first
}

func newTally() *tally { return &tally{done: map[string]int{}} }

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
	var texts []string
	for _, kind := range slices.Sorted(maps.Keys(t.done)) {
		texts = append(texts, fmt.Sprintf("%s %d", kind, t.done[kind]))
	}
	return fmt.Sprintf("%s; %.1f GiB; %d ended by kills", strings.Join(texts, ", "), float64(t.bytes)/(1<<30), t.hurt)
}
