// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package document reads configuration files, in YAML or JSON, as strictly as linkerd
// and its kin: what is not known is refused, with its place and with what is known
// there, and all that is wrong is told at once. What keys there are is for the
// reader to say; this package opens nothing.
package document

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxText is how long a document may be, in bytes.
const MaxText = 8 << 20

// Place is where something stands in the file, from 1. Columns are in characters.
type Place struct{ Line, Column int }

// PlaceOf is where a node begins.
func PlaceOf(n *yaml.Node) Place { return Place{n.Line, n.Column} }

// remark is something to tell about a place.
type remark struct {
	at   Place
	text string
}

// Document is a file that is being read, and what was found wrong with it.
type Document struct {
	name     string
	lines    []string
	mistakes []remark
	warnings []remark
}

// Open begins to read a document. name stands for the file in what is told. The
// root is nil if there is nothing in it.
func Open(name string, text []byte) (*Document, *yaml.Node, error) {
	if len(text) > MaxText {
		return nil, nil, fmt.Errorf("%s: %d bytes are too many; at most %d are read", name, len(text), MaxText)
	}
	root, err := parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Document{name: name, lines: strings.Split(string(text), "\n")}, root, nil
}

// Fail tells a mistake.
func (d *Document) Fail(at Place, format string, args ...any) {
	d.mistakes = append(d.mistakes, remark{at, fmt.Sprintf(format, args...)})
}

// Failed tells whether there is a mistake.
func (d *Document) Failed() bool { return len(d.mistakes) > 0 }

// Err are the mistakes, in order, one a line; nil if there are none.
func (d *Document) Err() error {
	var errs []error
	for _, text := range d.texts(d.mistakes) {
		errs = append(errs, errors.New(text))
	}
	return errors.Join(errs...)
}

// Warn tells something that is good enough, and may not be what is expected.
func (d *Document) Warn(at Place, format string, args ...any) {
	d.warnings = append(d.warnings, remark{at, fmt.Sprintf(format, args...)})
}

// Warnings are in order.
func (d *Document) Warnings() []string { return d.texts(d.warnings) }

// texts of remarks, with their places.
func (d *Document) texts(remarks []remark) []string {
	slices.SortStableFunc(remarks, func(a, b remark) int {
		return cmp.Or(cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	texts := make([]string, len(remarks))
	for i, r := range remarks {
		texts[i] = fmt.Sprintf("%s:%d:%d: %s", d.name, r.at.Line, r.at.Column, r.text)
	}
	return texts
}

// parse reads the one document of a file. nil is an empty one.
func parse(text []byte) (*yaml.Node, error) {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		// JSON may be indented by tabs, which YAML forbids; a string of JSON has none.
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("yaml: line %d: there must be one document only", more.Line)
	}
	if len(root.Content) != 1 {
		return nil, nil
	}
	return root.Content[0], nil
}
