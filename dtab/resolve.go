// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package dtab

// resolver is what binding and delegating have in common: whom to ask, and
// the limits.
type resolver struct {
	table  *Table
	namers Namers
	steps  int    // that are left
	effort int    // work that is left
	trail  []Path // being resolved, each because of the one before
}

func newResolver(in Interpreter) resolver {
	steps := in.Steps
	if steps == 0 {
		steps = DefaultSteps
	}
	return resolver{table: in.Table, namers: in.Namers, steps: steps, effort: steps * workPerStep}
}

// enter begins the resolution of a path; leave ends it.
func (r *resolver) enter(p Path) error {
	if len(r.trail) == MaxDepth {
		return depthError(r.trail, p)
	}
	if r.steps <= 0 {
		return &PathError{Path: p, Err: ErrSteps}
	}
	r.steps--
	r.trail = append(r.trail, p)
	return nil
}

func (r *resolver) leave() { r.trail = r.trail[:len(r.trail)-1] }

// work takes from the budget for rules, tree nodes and path segments.
func (r *resolver) work(n int) error {
	r.effort -= n
	if r.effort >= 0 {
		return nil
	}
	err := &PathError{Err: ErrSteps}
	if len(r.trail) > 0 {
		err.Path = r.trail[len(r.trail)-1]
	}
	return err
}

// match finds the rules for a path, as Table.match does.
func (r *resolver) match(p Path, found []int32) ([]int32, error) {
	matches, visited := r.table.match(p, found)
	return matches, r.work(visited + len(matches))
}

// ask asks the namers, the caller's for /#/ and our own for /$/. All else is Neg.
func (r *resolver) ask(p Path) (Tree[Name], error) {
	switch {
	case len(p) < 2:
		return Tree[Name]{Kind: Neg}, nil
	case p[0] == "$":
		return system(p)
	case p[0] == "#" && r.namers != nil:
		return r.namers.Lookup(p)
	}
	return Tree[Name]{Kind: Neg}, nil
}
