// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

import "slices"

// Table is a Dtab prepared for look-ups whose cost does not grow with entries
// that cannot match. It never changes; any number of goroutines may use it. The
// zero value and nil are the empty table.
type Table struct {
	dtab  Dtab
	nodes []node         // nodes[0] is the root: the prefix without elements
	edges map[edge]int32 // -> index in nodes
}

// node stands for a prefix that one or more rules begin with.
type node struct {
	entries  []int32 // indexes of the rules with exactly this prefix, ascending
	wildcard int32   // index of the node one * further, 0 if there is none
}

// edge leads from a node to the one that is a segment further.
type edge struct {
	from    int32
	segment string
}

// NewTable prepares a table. The Dtab must not be changed afterwards.
func NewTable(d Dtab) *Table {
	t := &Table{dtab: d, nodes: make([]node, 1, len(d)+1), edges: make(map[edge]int32, len(d))}
	for i, e := range d {
		at := int32(0)
		for _, element := range e.Prefix {
			at = t.extend(at, element)
		}
		t.nodes[at].entries = append(t.nodes[at].entries, int32(i))
	}
	return t
}

// extend is the node that is one element of a prefix further; it makes the node if need be.
func (t *Table) extend(from int32, element string) int32 {
	next := t.edges[edge{from, element}]
	if element == "" {
		next = t.nodes[from].wildcard
	}
	if next != 0 {
		return next
	}
	next = int32(len(t.nodes))
	t.nodes = append(t.nodes, node{})
	if element == "" {
		t.nodes[from].wildcard = next
	} else {
		t.edges[edge{from, element}] = next
	}
	return next
}

// Dtab is the table as it was given to NewTable.
func (t *Table) Dtab() Dtab {
	if t == nil {
		return nil
	}
	return t.dtab
}

// Lookup is one step of delegation: what the rules say of a path, Neg if nothing.
// The destination of a rule that matches comes with the rest of the path
// appended to each leaf. Several are alternatives, the last rule first; how long
// their prefixes are plays no part.
func (t *Table) Lookup(p Path) Tree[Path] {
	var room [8]int32
	matches, _ := t.match(p, room[:0])
	switch len(matches) {
	case 0:
		return Tree[Path]{Kind: Neg}
	case 1:
		return t.dtab[matches[0]].destination(p)
	}
	children := make([]Weighted[Path], len(matches))
	for i, index := range matches {
		children[i] = Weighted[Path]{Weight: 1, Tree: t.dtab[index].destination(p)}
	}
	return Tree[Path]{Kind: Alt, Children: children}
}

// destination is what a rule makes of a path that it matches.
func (e *Dentry) destination(p Path) Tree[Path] {
	rest := p[len(e.Prefix):]
	if len(rest) == 0 {
		return e.Dst
	}
	return Map(e.Dst, func(leaf Path) Path { return concat(leaf, rest) })
}

// Matches are the indexes of the rules that match a path, in the order in which
// they are tried: descending.
func (t *Table) Matches(p Path) []int {
	found, _ := t.match(p, nil)
	matches := make([]int, len(found))
	for i, index := range found {
		matches[i] = int(index)
	}
	return matches
}

// match appends to found, which is empty, the indexes of the rules that match a
// path, descending. visited is what that cost: how many beginnings of prefixes
// match the path. Without wildcards they are at most one more than it has segments.
func (t *Table) match(p Path, found []int32) (matches []int32, visited int) {
	if t == nil || len(t.nodes) == 0 {
		return found, 0
	}
	found = t.descend(0, p, found, &visited)
	if len(found) > 1 {
		slices.Sort(found)
		slices.Reverse(found)
	}
	return found, visited
}

// descend adds the rules at a node and at those that the path leads to from there.
func (t *Table) descend(at int32, p Path, found []int32, visited *int) []int32 {
	*visited++
	found = append(found, t.nodes[at].entries...)
	if len(p) == 0 {
		return found
	}
	if next, ok := t.edges[edge{at, p[0]}]; ok {
		found = t.descend(next, p[1:], found, visited)
	}
	if next := t.nodes[at].wildcard; next != 0 {
		found = t.descend(next, p[1:], found, visited)
	}
	return found
}
