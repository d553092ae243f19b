// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/dtab"
)

const (
	// maxBound bounds the text of what an arm is bound to, in bytes.
	maxBound = 512
	// maxSplit is how many arms the split column lists.
	maxSplit = 8
	// nobody is the name of an arm whose connections have nowhere to go, as the language writes it.
	nobody = "$"
)

// share is what one leaf, or one $, of a bound tree gets.
type share struct {
	id       dtab.Path // nil for $
	weight   float64   // product of the weights on the way
	fraction float64   // of the route's connections, 0 to 1
}

// arm is a share of a route's connections under one name: all leaves of a
// backend, or all leaves with one concrete name.
type arm struct {
	backend string // empty in the dst form
	share
	leaves []share
	tree   dtab.Tree[Arm]
}

// arms takes a form apart. lost is the fraction of connections that goes to a
// union whose weights are all zero.
func arms(b Bound) (list []arm, lost float64) {
	if len(b.Spec.Backends) == 0 {
		leaves, lost := spread(b.Tree, 1, 1)
		return byName(leaves), lost
	}
	total := weights(b.Tree)
	for i, c := range b.Tree.Children {
		a := arm{backend: b.Spec.Backends[i].Name, tree: c.Tree}
		a.weight, a.fraction = c.Weight, part(c.Weight, total)
		below := 0.0
		a.leaves, below = spread(c.Tree, c.Weight, a.fraction)
		list, lost = append(list, a), lost+below
	}
	if total == 0 {
		lost = 1
	}
	return list, lost
}

// spread gives the leaves of a tree their shares, from left to right.
func spread(t dtab.Tree[Arm], weight, fraction float64) (leaves []share, lost float64) {
	switch t.Kind {
	case dtab.Leaf:
		return []share{{id: t.Leaf.ID, weight: weight, fraction: fraction}}, 0
	case dtab.Empty:
		return []share{{weight: weight, fraction: fraction}}, 0
	case dtab.Union:
		total := weights(t)
		for _, c := range t.Children {
			some, below := spread(c.Tree, weight*c.Weight, fraction*part(c.Weight, total))
			leaves, lost = append(leaves, some...), lost+below
		}
		if total == 0 {
			lost = fraction
		}
	}
	return leaves, lost
}

func weights(t dtab.Tree[Arm]) float64 {
	total := 0.0
	for _, c := range t.Children {
		total += c.Weight
	}
	return total
}

func part(weight, total float64) float64 {
	if total == 0 {
		return 0
	}
	return weight / total
}

// byName puts leaves with one concrete name together, at the place of the first.
func byName(leaves []share) []arm {
	var list []arm
	at := map[string]int{} // text of the id -> place in list
	for _, leaf := range leaves {
		key := idText(leaf.id)
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, arm{share: share{id: leaf.id}})
		}
		list[i].weight += leaf.weight
		list[i].fraction += leaf.fraction
		list[i].leaves = append(list[i].leaves, leaf)
	}
	return list
}

func idText(id dtab.Path) string {
	if id == nil {
		return nobody
	}
	return id.String()
}

// describe fills in what a verdict says of the form that is served.
func (t *translation) describe(d *draft) {
	list, lost := arms(*d.form)
	names := shortNames(list)
	percents := percentages(list)
	split := make([]string, 0, maxSplit)
	for i, a := range list {
		d.verdict.Arms = append(d.verdict.Arms, v1alpha1.ArmStatus{
			Name:   names[i],
			Bound:  Clip(a.bound(), maxBound),
			Weight: strconv.FormatFloat(a.weight, 'g', 12, 64),
			Share:  percents[i],
			Ready:  t.ready(a),
		})
		if i < maxSplit {
			split = append(split, names[i]+"="+percents[i])
		}
	}
	if more := len(list) - len(split); more > 0 {
		split = append(split, fmt.Sprintf("and %d more", more))
	}
	d.verdict.Split = strings.Join(split, " ")
	d.verdict.Replicas = t.replicas(*d.form, list, lost)
}

// bound is the concrete name of an arm, or the tree of them; empty for a backend
// that is bound to nothing.
func (a arm) bound() string {
	switch {
	case len(a.leaves) == 0, a.backend != "" && a.tree.Kind == dtab.Empty:
		return ""
	case a.backend == "" || len(a.leaves) == 1:
		return idText(a.leaves[0].id)
	default:
		return dtab.FormatTree(dtab.Map(a.tree, func(a Arm) dtab.Path { return a.ID }))
	}
}

// ready counts the endpoints of an arm's names, each name once.
func (t *translation) ready(a arm) int32 {
	var counted []string
	n := 0
	for _, leaf := range a.leaves {
		if text := idText(leaf.id); leaf.id != nil && !slices.Contains(counted, text) {
			counted = append(counted, text)
			n += len(t.names.addr(leaf.id).Endpoints)
		}
	}
	return int32(min(n, math.MaxInt32))
}
