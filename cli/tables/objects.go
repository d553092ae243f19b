// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// objects reads the objects of one file.
type objects struct {
	file  string
	lines []string
	found []*Table
}

// readObjects reads YAML or JSON.
func readObjects(file string, text []byte) ([]*Table, error) {
	o := &objects{file: file, lines: strings.Split(string(text), "\n")}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return o.found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, root := range document.Content {
			if err := o.object(root); err != nil {
				return nil, err
			}
		}
	}
}

// object reads one object, list of objects, or list of rules.
func (o *objects) object(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return o.table(&Table{}, "", n)
	}
	kind := text(field(n, "kind"))
	group, _, _ := strings.Cut(text(field(n, "apiVersion")), "/")
	switch {
	case kind == "List" || strings.HasSuffix(kind, "List"):
		if items := field(n, "items"); items != nil {
			for _, item := range items.Content {
				if err := o.object(item); err != nil {
					return err
				}
			}
		}
		return nil
	case kind == "Dtab" && group == "wye.dev":
		return o.table(named(n), "spec.dentries", field(field(n, "spec"), "dentries"))
	case kind == "DTab" && group == "l5d.io":
		return o.table(named(n), "dentries", field(n, "dentries"))
	case kind == "" && field(n, "dtab") != nil: // namerctl's JSON
		return o.table(&Table{}, "dtab", field(n, "dtab"))
	}
	return nil
}

// named is a table with the metadata of an object.
func named(n *yaml.Node) *Table {
	metadata := field(n, "metadata")
	t := &Table{Name: text(field(metadata, "name")), Namespace: text(field(metadata, "namespace"))}
	if labels := field(metadata, "labels"); labels != nil {
		t.Labels = map[string]string{}
		for i := 0; i+1 < len(labels.Content); i += 2 {
			t.Labels[labels.Content[i].Value] = labels.Content[i+1].Value
		}
	}
	return t
}

// table reads rules into a table. called is what the list is called.
func (o *objects) table(t *Table, called string, list *yaml.Node) error {
	o.found = append(o.found, t)
	if list == nil || list.Tag == "!!null" {
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		return fmt.Errorf("%s:%d:%d: %s is not a list of rules", o.file, list.Line, list.Column, called)
	}
	for i, n := range list.Content {
		name := fmt.Sprintf("%s[%d]", called, i)
		prefix, dst := field(n, "prefix"), field(n, "dst")
		if prefix == nil || dst == nil || prefix.Kind != yaml.ScalarNode || dst.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s:%d:%d: %s is not a rule: it needs prefix and dst, both of them texts", o.file, n.Line, n.Column, name)
		}
		t.add(prefix.Value, dst.Value, fmt.Sprintf("%s:%d", o.file, prefix.Line), name, func(which string, line, column int) string {
			if which == "prefix" {
				return o.place(prefix, line, column)
			}
			return o.place(dst, line, column)
		})
	}
	return nil
}

// place is where a line and column of a text are in the file. Of a text that is
// folded or has escapes only the line where it begins is known.
func (o *objects) place(n *yaml.Node, line, column int) string {
	at := n.Column - 1
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		at++
	}
	if n.Line <= len(o.lines) && line == 1 {
		if written := o.lines[n.Line-1]; at <= len(written) && strings.HasPrefix(written[at:], n.Value) {
			return fmt.Sprintf("%s:%d:%d", o.file, n.Line, at+column)
		}
	}
	return fmt.Sprintf("%s:%d", o.file, n.Line)
}

// field is the value of a key of a mapping, nil if there is none.
func field(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// text is the value of a scalar.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
