// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"io"
	"strings"
)

// Dot prints the steps of an account as a graph for Graphviz. Ways that get no
// traffic are dashed.
func (a Account) Dot(w io.Writer) {
	d := &drawing{w: w}
	fmt.Fprintf(w, "digraph {\n  rankdir=LR;\n  node [shape=plaintext];\n")
	if a.Steps != nil {
		d.node(a.Steps)
	}
	fmt.Fprintln(w, "}")
}

// drawing draws steps: each name is a node, and each rule the label of an edge.
type drawing struct {
	w     io.Writer
	nodes int
}

// node draws a step and all that it leads to. The result is its number.
func (d *drawing) node(s *Step) int {
	d.nodes++
	id, shape, label := d.nodes, "plaintext", s.title()
	if s.State != "" {
		shape, label = "box", label+"\n"+s.State
	}
	fmt.Fprintf(d.w, "  n%d [shape=%s, label=%s];\n", id, shape, quote(label))
	for _, c := range s.Next {
		d.edge(id, c)
	}
	return id
}

func (d *drawing) edge(from int, s *Step) {
	label, to := "", s
	if s.Kind == By {
		label, to = s.Rule.Place+"\n"+s.Rule.Text, s.Next[0]
	}
	if s.Weight != nil {
		label = fmt.Sprintf("%s * (%s)", number(*s.Weight), percent(s.Share))
	}
	style := "solid"
	if s.Verdict != Taken {
		style = "dashed"
	}
	fmt.Fprintf(d.w, "  n%d -> n%d [style=%s, label=%s];\n", from, d.node(to), style, quote(label))
}

// quote is a text as Graphviz reads it.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
