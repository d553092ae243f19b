// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import "github.com/wye-dev/wye/dtab"

// trie holds the prefixes of a table.
type trie struct {
	next map[string]*trie // segment, or "" for the wildcard -> what follows
	ends bool             // a prefix ends here
}

func newTrie(d dtab.Dtab) *trie {
	root := &trie{next: map[string]*trie{}}
	for _, e := range d {
		at := root
		for _, segment := range e.Prefix {
			if at.next[segment] == nil {
				at.next[segment] = &trie{next: map[string]*trie{}}
			}
			at = at.next[segment]
		}
		at.ends = true
	}
	return root
}

// rules tells whether a rule matches a path, and whether one may match what is
// longer than the path and does not match the path itself.
func (t *trie) rules(p dtab.Path) (matched, longer bool) {
	front := []*trie{t}
	for _, segment := range p {
		var next []*trie
		for _, at := range front {
			matched = matched || at.ends
			if n := at.next[segment]; n != nil {
				next = append(next, n)
			}
			if n := at.next[""]; n != nil && segment != "" {
				next = append(next, n)
			}
		}
		front = next
	}
	for _, at := range front {
		matched = matched || at.ends
		longer = longer || len(at.next) > 0
	}
	return matched, longer
}
