// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors of binding.
var (
	// ErrPending: a namer does not know yet.
	ErrPending = errors.New("pending")
	// ErrDepth: a name led to more than 100 resolutions one inside the other.
	ErrDepth = errors.New("Max recursion level: 100 reached in Namer lookup") //nolint:staticcheck // ST1005: the text of Finagle
	// ErrSteps: binding took more than the allowed steps.
	ErrSteps = errors.New("too many steps")
)

// PathError says at which path binding went wrong.
type PathError struct {
	// Path that was being resolved.
	Path Path
	// Trail explains ErrDepth: the paths of a loop, the first of them again at
	// the end, or the first few of a chain of names that does not come to an end.
	Trail []Path
	// Err is what went wrong, in linkerd's own words where it has any.
	Err error
}

// Error begins with the path and ends with the trail.
func (e *PathError) Error() string {
	text := fmt.Sprintf("%s: %v", abridged(e.Path), e.Err)
	if len(e.Trail) == 0 {
		return text
	}
	steps := make([]string, len(e.Trail))
	for i, p := range e.Trail {
		steps[i] = abridged(p)
	}
	if !e.Trail[0].Equal(e.Trail[len(e.Trail)-1]) {
		steps = append(steps, "...")
	}
	return text + ": " + strings.Join(steps, " -> ")
}

// Unwrap gives Err.
func (e *PathError) Unwrap() error { return e.Err }

// UnknownNamerError says that a path under /$/ names nothing that this package
// knows. In an error text it looks like linkerd's.
type UnknownNamerError struct {
	Kind string
	Path Path
}

// Error is linkerd's text.
func (e *UnknownNamerError) Error() string {
	return fmt.Sprintf("Unknown namer: %s for path: %s", e.Kind, e.Path)
}

// depthError says how the resolutions in trail led to one too many, that of p.
func depthError(trail []Path, p Path) *PathError {
	const few = 4
	err := &PathError{Path: p, Err: ErrDepth}
	for i, t := range slices.Backward(trail) {
		if t.Equal(p) {
			err.Trail = append(slices.Clone(trail[i:]), p)
			return err
		}
	}
	err.Trail = slices.Clone(trail[:min(few, len(trail))])
	return err
}

// abridged is the text of a path, or the beginning of it if it is long.
func abridged(p Path) string {
	const most = 20
	if len(p) <= most {
		return p.String()
	}
	return p[:most].String() + "/..."
}
