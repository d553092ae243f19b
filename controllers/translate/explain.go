// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wye-dev/wye/dtab"
)

const (
	// maxDeadEnds is how many names a message lists.
	maxDeadEnds = 3
	// maxTrail is how many names of a circle a message lists.
	maxTrail = 6
	// maxFollowed bounds the names that are followed from one path.
	maxFollowed = 256
)

// where is the path at which binding a target went wrong.
func where(err error, tg target) string {
	if at, ok := errors.AsType[*dtab.PathError](err); ok {
		return Clip(at.Path.String(), maxDestination)
	}
	return Clip(tg.path.String(), maxDestination)
}

// circle says how rules lead on for ever: by names that come again, or by ever new ones.
func circle(err error) string {
	var at *dtab.PathError
	if !errors.As(err, &at) || len(at.Trail) == 0 {
		return fmt.Sprintf("lead through more than %d names", dtab.MaxDepth)
	}
	for j, p := range at.Trail {
		if i := slices.IndexFunc(at.Trail[:j], p.Equal); i >= 0 {
			return "go round in a circle: " + trail(at.Trail[i:j]) + " -> " + Clip(p.String(), maxDestination)
		}
	}
	return fmt.Sprintf("lead through more than %d names: %s -> …", dtab.MaxDepth, trail(at.Trail))
}

// trail shows names that lead from one to the next, the first few of them.
func trail(paths []dtab.Path) string {
	var steps []string
	for _, p := range paths[:min(len(paths), maxTrail)] {
		steps = append(steps, Clip(p.String(), maxDestination))
	}
	if len(paths) > maxTrail {
		steps = append(steps, "…")
	}
	return strings.Join(steps, " -> ")
}

// deadEnds says where a name that is bound to nothing ends: at concrete names
// that do not exist, else at names that no rule matches, else at a ~ in a rule.
func (t *translation) deadEnds(tb *table, path dtab.Path) string {
	if missing := t.names.missing; len(missing) > 0 {
		return fmt.Sprintf("there is no %s; create what it names, or correct the name", list(missing))
	}
	if unmatched := unmatched(tb, path); len(unmatched) > 0 {
		return fmt.Sprintf("%s has no rule for %s", tb, list(unmatched))
	}
	return fmt.Sprintf("its rules in %s end in ~ (no such name)", tb)
}

// unmatched are the names that a path leads to and that no rule matches, in the
// order in which they are met. (Rules are tried from the last to the first.)
func unmatched(tb *table, path dtab.Path) []dtab.Path {
	var ends []dtab.Path
	follow(tb, path, func(end dtab.Path) { ends = append(ends, end) })
	return ends
}

// follow visits each name that a path leads to by any rule, taken or not, and
// that no rule matches: concrete names, and dead ends. It gives up after
// maxFollowed names.
func follow(tb *table, path dtab.Path, visit func(end dtab.Path)) {
	seen := map[string]bool{path.String(): true}
	for next := []dtab.Path{path}; len(next) > 0; next = next[1:] {
		tree := tb.table.Lookup(next[0])
		if tree.Kind == dtab.Neg {
			visit(next[0])
		}
		forLeaves(tree, func(p dtab.Path) {
			if text := p.String(); len(seen) < maxFollowed && !seen[text] {
				seen[text] = true
				next = append(next, p)
			}
		})
	}
}

// list joins names for a message: the first few of them.
func list(paths []dtab.Path) string {
	texts := make([]string, 0, maxDeadEnds)
	for _, p := range paths[:min(len(paths), maxDeadEnds)] {
		texts = append(texts, Clip(p.String(), maxDestination))
	}
	if more := len(paths) - len(texts); more > 0 {
		return fmt.Sprintf("%s (nor %d more)", strings.Join(texts, ", "), more)
	}
	if n := len(texts); n > 1 {
		return strings.Join(texts[:n-1], ", ") + " or " + texts[n-1]
	}
	return texts[0]
}
