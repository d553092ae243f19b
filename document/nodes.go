// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Field is a key that is known in some place.
type Field struct {
	Key  string
	Read func(*yaml.Node) // nil for one that was read before
}

// Fields reads a mapping, and returns where the keys stand that have a value.
func (d *Document) Fields(n *yaml.Node, what string, known ...Field) map[string]Place {
	n = Follow(n)
	found, seen := map[string]Place{}, map[string]bool{}
	if n.Kind != yaml.MappingNode {
		d.Fail(PlaceOf(n), "%s must be a mapping of %s", what, keys(known))
		return found
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(known, func(f Field) bool { return f.Key == key.Value })
		switch {
		case at < 0:
			d.Fail(PlaceOf(key), "unknown key %q in %s: known are %s", key.Value, what, keys(known))
			continue
		case seen[key.Value]:
			d.Fail(PlaceOf(key), "key %q in %s comes twice", key.Value, what)
			continue
		}
		seen[key.Value] = true
		if IsNull(value) {
			continue
		}
		found[key.Value] = PlaceOf(key)
		if known[at].Read != nil {
			known[at].Read(value)
		}
	}
	return found
}

func keys(known []Field) string {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.Key
	}
	return strings.Join(names, ", ")
}

// Items are those of a list.
func (d *Document) Items(n *yaml.Node, what string) []*yaml.Node {
	n = Follow(n)
	if n.Kind != yaml.SequenceNode {
		d.Fail(PlaceOf(n), "%s must be a list", what)
		return nil
	}
	return n.Content
}

// Text is a scalar.
func (d *Document) Text(n *yaml.Node, what string) (string, bool) {
	n = Follow(n)
	if n.Kind != yaml.ScalarNode || IsNull(n) {
		d.Fail(PlaceOf(n), "%s must be a text", what)
		return "", false
	}
	return n.Value, true
}

// Kind is the value of the key that says what a mapping is, empty if there is none.
func (d *Document) Kind(n *yaml.Node, what string) (kind string, at Place) {
	n = Follow(n)
	at = PlaceOf(n)
	if n.Kind != yaml.MappingNode {
		d.Fail(at, "%s must be a mapping with a kind", what)
		return "", at
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "kind" {
			kind, _ = d.Text(n.Content[i+1], "the kind of "+what)
			return kind, PlaceOf(n.Content[i+1])
		}
	}
	d.Fail(at, "%s needs a kind", what)
	return "", at
}

// Follow leads through an alias. What it leads to is read like any other value, as
// deep as the configuration goes, so a loop does no harm.
func Follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// IsNull tells whether a key has no value.
func IsNull(n *yaml.Node) bool {
	n = Follow(n)
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}
