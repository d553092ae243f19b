// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package rewrite is the namer io.l5d.rewrite: it turns a name into another one,
// which is then resolved through the table again. A pattern such as
// /{service}/api must match the first segments of what follows the namer's prefix;
// what comes after them is dropped. A name that the pattern does not match is no
// name. It looks at nothing but the name, so what it answers never changes.
package rewrite

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
)

// Options of a Namer. All of them are needed.
type Options struct {
	// Prefix it is mounted at, such as /#/rewrite.
	Prefix dtab.Path
	// Pattern has a / before each segment. A segment is a literal, *, or text
	// with variables such as {service}.
	Pattern string
	// Name is what a name that matches stands for. Variables of the pattern are
	// replaced by what they matched.
	Name string
}

// Namer answers with other names.
type Namer struct {
	prefix  dtab.Path
	pattern []segment
	name    string
}

// New makes a namer. It is an error if the pattern does not parse, or if the name
// is no path, or has variables that the pattern does not have.
func New(o Options) (*Namer, error) {
	if len(o.Prefix) == 0 {
		return nil, errors.New("a rewriting namer needs a prefix")
	}
	pattern, err := parsePattern(o.Pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", o.Pattern, err)
	}
	if err := checkName(o.Name, pattern); err != nil {
		return nil, fmt.Errorf("name %q: %w", o.Name, err)
	}
	return &Namer{prefix: o.Prefix, pattern: pattern, name: o.Name}, nil
}

// Mount is where the namer wants to be in a Table.
func (n *Namer) Mount() namer.Mount { return namer.Mount{Prefix: n.prefix, Namer: n} }

// Watch tells what a name stands for, once and before it returns.
func (n *Namer) Watch(path dtab.Path, update func(namer.State)) (stop func()) {
	update(n.state(path[len(n.prefix):]))
	return func() {}
}

func (n *Namer) state(rest dtab.Path) namer.State {
	variables, ok := match(n.pattern, rest)
	if !ok {
		return namer.State{}
	}
	name, err := dtab.ParsePath(substitute(n.name, variables))
	if err != nil { // a variable in the middle of a name that matched nothing at all
		return namer.State{Err: fmt.Errorf("rewrite %s: %w", rest, err)}
	}
	return namer.State{Tree: dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{Path: name}}}
}

// match tells whether a path begins with a pattern, and what the variables are:
// the text of what they matched, as paths print it. (linkerd: a later segment's
// variable wins.)
func match(pattern []segment, path dtab.Path) (variables map[string]string, ok bool) {
	if len(path) < len(pattern) {
		return nil, false
	}
	variables = map[string]string{}
	for i, s := range pattern {
		found, ok := s.match(text(path[i]))
		if !ok {
			return nil, false
		}
		maps.Copy(variables, found)
	}
	return variables, true
}

// text is a segment as paths print it.
func text(segment string) string { return dtab.Path{segment}.String()[1:] }

func substitute(name string, variables map[string]string) string {
	for variable, value := range variables {
		name = strings.ReplaceAll(name, "{"+variable+"}", value)
	}
	return name
}

// checkName tries the name with values for the variables.
func checkName(name string, pattern []segment) error {
	variables := map[string]string{}
	for _, s := range pattern {
		for _, variable := range s.variables {
			variables[variable] = "x"
		}
	}
	tried := substitute(name, variables)
	if unknown := variable.FindString(tried); unknown != "" {
		return fmt.Errorf("the pattern has no %s", unknown)
	}
	_, err := dtab.ParsePath(tried)
	return err
}

// variable is what linkerd takes for one.
var variable = regexp.MustCompile(`\{[a-zA-Z0-9.:_-]+\}`)
