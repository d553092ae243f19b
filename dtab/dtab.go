// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dtab is the delegation language: paths, name trees, delegation tables,
// and the binding of logical names to concrete ones. It is pure: the standard
// library only, no IO, no clock, no logger. What exists in the world is asked of
// a Namers that the caller passes in.
//
// The language is Finagle's, as linkerd 1.x and namerd speak it: the same texts
// are read, the same texts are printed, and the same names come out. It never
// panics on outside input, and what a binding costs is bounded.
package dtab

import (
	"fmt"
	"strings"
)

// Dtab is a delegation table; later entries win.
type Dtab []Dentry

// Dentry is one rule of a table: names that begin with Prefix stand for Dst,
// with the rest of the name appended to each leaf.
type Dentry struct {
	Prefix Prefix
	Dst    Tree[Path]
}

// String is the canonical text form, such as /svc=>/#/io.l5d.fs. Weights print
// as FormatTree prints them.
func (d Dtab) String() string {
	var text strings.Builder
	for i, e := range d {
		if i > 0 {
			text.WriteByte(';')
		}
		text.WriteString(e.String())
	}
	return text.String()
}

// String is the canonical text form.
func (e Dentry) String() string {
	return e.Prefix.String() + "=>" + FormatTree(e.Dst)
}

// ParseDentry reads the two texts of a rule. The error is a *DentryError that says
// which of them is wrong, around a *SyntaxError.
func ParseDentry(prefix, dst string) (Dentry, error) {
	p, err := ParsePrefix(prefix)
	if err != nil {
		return Dentry{}, &DentryError{Field: "prefix", Err: err}
	}
	t, err := ParseTree(dst)
	if err != nil {
		return Dentry{}, &DentryError{Field: "dst", Err: err}
	}
	return Dentry{Prefix: p, Dst: t}, nil
}

// DentryError says which text of a rule does not parse.
type DentryError struct {
	Field string // "prefix" or "dst"
	Err   error  // a *SyntaxError
}

// Error names the field in front of the syntax error.
func (e *DentryError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap gives the *SyntaxError.
func (e *DentryError) Unwrap() error { return e.Err }
