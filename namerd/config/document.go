// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package config

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

// place is where something stands in the file, from 1. Columns are in characters.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

// mistake is one thing that is wrong.
type mistake struct {
	place
	text string
}

// document is a file that is being read, and what was found wrong with it.
type document struct {
	name     string
	lines    []string
	mistakes []mistake
}

func (d *document) fail(at place, format string, args ...any) {
	d.mistakes = append(d.mistakes, mistake{at, fmt.Sprintf(format, args...)})
}

// err are the mistakes, in order, one a line.
func (d *document) err() error {
	slices.SortStableFunc(d.mistakes, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var errs []error
	for _, m := range d.mistakes {
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s", d.name, m.line, m.column, m.text))
	}
	return errors.Join(errs...)
}

// parseYAML reads the one document of a file. nil is an empty one.
func parseYAML(text []byte) (*yaml.Node, error) {
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

// field is a key that is known in some place.
type field struct {
	key  string
	read func(*yaml.Node) // nil for one that was read before
}

// fields reads a mapping, and returns where the keys stand that have a value.
func (d *document) fields(n *yaml.Node, what string, known ...field) map[string]place {
	n = follow(n)
	found, seen := map[string]place{}, map[string]bool{}
	if n.Kind != yaml.MappingNode {
		d.fail(placeOf(n), "%s must be a mapping of %s", what, keys(known))
		return found
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(known, func(f field) bool { return f.key == key.Value })
		switch {
		case at < 0:
			d.fail(placeOf(key), "unknown key %q in %s: known are %s", key.Value, what, keys(known))
			continue
		case seen[key.Value]:
			d.fail(placeOf(key), "key %q in %s comes twice", key.Value, what)
			continue
		}
		seen[key.Value] = true
		if isNull(value) {
			continue
		}
		found[key.Value] = placeOf(key)
		if known[at].read != nil {
			known[at].read(value)
		}
	}
	return found
}

func keys(known []field) string {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.key
	}
	return strings.Join(names, ", ")
}

// items are those of a list.
func (d *document) items(n *yaml.Node, what string) []*yaml.Node {
	n = follow(n)
	if n.Kind != yaml.SequenceNode {
		d.fail(placeOf(n), "%s must be a list", what)
		return nil
	}
	return n.Content
}

// text is a scalar.
func (d *document) text(n *yaml.Node, what string) (string, bool) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.fail(placeOf(n), "%s must be a text", what)
		return "", false
	}
	return n.Value, true
}

// kind is the value of the key that says what a mapping is, empty if there is none.
func (d *document) kind(n *yaml.Node, what string) (kind string, at place) {
	n = follow(n)
	at = placeOf(n)
	if n.Kind != yaml.MappingNode {
		d.fail(at, "%s must be a mapping with a kind", what)
		return "", at
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "kind" {
			kind, _ = d.text(n.Content[i+1], "the kind of "+what)
			return kind, placeOf(n.Content[i+1])
		}
	}
	d.fail(at, "%s needs a kind", what)
	return "", at
}

// follow leads through an alias. What it leads to is read like any other value, as
// deep as the configuration goes, so a loop does no harm.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	n = follow(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
