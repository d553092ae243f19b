// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"iter"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

// poolsOf gives the names of the pools that a tree goes to, some perhaps twice.
// Its recursion is bounded: protobuf itself decodes no message nested deeper
// than 10000, and a Tree is at least one level of those.
func poolsOf(tree *pushv1.Tree) iter.Seq[string] {
	return func(yield func(string) bool) { walk(tree, yield) }
}

// walk visits the leaves of tree and tells whether to go on.
func walk(tree *pushv1.Tree, visit func(pool string) bool) bool {
	switch kind := tree.GetKind().(type) {
	case *pushv1.Tree_Leaf:
		return visit(kind.Leaf.GetPool())
	case *pushv1.Tree_Alt:
		for _, t := range kind.Alt.GetTrees() {
			if !walk(t, visit) {
				return false
			}
		}
	case *pushv1.Tree_Union:
		for _, t := range kind.Union.GetTrees() {
			if !walk(t.GetTree(), visit) {
				return false
			}
		}
	}
	return true
}
