// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package router

import (
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/wye-dev/wye/dtab"
)

// MaxArms is the largest number of arms that a route can have.
const MaxArms = 64

// fineness bounds the work on hostile weights: a share whose exact fraction has a
// denominator of more bits is rounded to a multiple of 2^-fineness.
const fineness = 256

// Leaf is an arm of a route's tree.
type Leaf struct {
	Arm  string // stable name, never empty
	Pool string // name of the pool that its connections go to
}

// Arm is a leaf with the share of the route's connections that it is to get.
type Arm struct {
	Leaf
	Share *big.Rat // 0 to 1
}

// Shares is a tree flattened: who gets how much. The shares of Arms and Nowhere
// together are 1.
type Shares struct {
	Arms    []Arm    // in the order of the tree; an arm that occurs twice has the sum
	Nowhere *big.Rat // share of the connections that have no arm to go to
}

// Flatten works out the shares of a bound tree, with the meaning that the
// language gives it: an Alt is its first child that is not neg, a Union drops
// neg and fail and divides its share among the rest by weight, and an empty name
// keeps its share, which goes nowhere. Of a tree that is neg or fail everything
// goes nowhere, and of a Union whose weights are all 0 its whole share does.
//
// Weights count as the shortest decimal number that reads as the same float64, so
// that 33.333 is 33333/1000 and shares are exact.
//
// It is an error if a weight is negative or not finite, if an arm has no name or
// two pools, or if there are more than MaxArms arms.
func Flatten(tree dtab.Tree[Leaf]) (Shares, error) {
	f := flattening{at: map[string]int{}, shares: Shares{Nowhere: new(big.Rat)}}
	err := f.add(tree, big.NewRat(1, 1))
	return f.shares, err
}

type flattening struct {
	shares Shares
	at     map[string]int // arm -> index in shares.Arms
}

// add gives share to tree.
func (f *flattening) add(tree dtab.Tree[Leaf], share *big.Rat) error {
	switch tree.Kind {
	case dtab.Leaf:
		return f.addLeaf(tree.Leaf, share)
	case dtab.Alt:
		return f.add(first(tree.Children), share)
	case dtab.Union:
		return f.addUnion(tree.Children, share)
	default:
		f.shares.Nowhere.Add(f.shares.Nowhere, share)
		return nil
	}
}

func (f *flattening) addLeaf(leaf Leaf, share *big.Rat) error {
	if leaf.Arm == "" {
		return fmt.Errorf("an arm to pool %q has no name", leaf.Pool)
	}
	i, ok := f.at[leaf.Arm]
	if !ok {
		if len(f.shares.Arms) == MaxArms {
			return fmt.Errorf("more than %d arms", MaxArms)
		}
		i = len(f.shares.Arms)
		f.at[leaf.Arm] = i
		f.shares.Arms = append(f.shares.Arms, Arm{Leaf: leaf, Share: new(big.Rat)})
	}
	arm := &f.shares.Arms[i]
	if arm.Pool != leaf.Pool {
		return fmt.Errorf("arm %q goes to two pools, %q and %q", leaf.Arm, arm.Pool, leaf.Pool)
	}
	arm.Share.Add(arm.Share, share)
	return nil
}

func (f *flattening) addUnion(children []dtab.Weighted[Leaf], share *big.Rat) error {
	sum := new(big.Rat)
	weights := make([]*big.Rat, len(children))
	for i, c := range children {
		w, err := exact(c.Weight)
		if err != nil {
			return err
		}
		if k := settle(c.Tree); k != dtab.Neg && k != dtab.Fail {
			weights[i] = w
			sum.Add(sum, w)
		}
	}
	if sum.Sign() == 0 {
		// Nobody may have the share, but the arms are known all the same.
		f.shares.Nowhere.Add(f.shares.Nowhere, share)
		share, sum = new(big.Rat), big.NewRat(1, 1)
	}
	for i, c := range children {
		if weights[i] == nil {
			continue
		}
		part := new(big.Rat).Mul(share, weights[i])
		if err := f.add(c.Tree, round(part.Quo(part, sum))); err != nil {
			return err
		}
	}
	return nil
}

// first is what an Alt comes to.
func first(children []dtab.Weighted[Leaf]) dtab.Tree[Leaf] {
	for _, c := range children {
		if settle(c.Tree) != dtab.Neg {
			return c.Tree
		}
	}
	return dtab.Tree[Leaf]{}
}

// settle is the kind that a tree comes to when it is simplified: an Alt is never
// an Alt, and a Union is Neg unless something is left in it.
func settle(tree dtab.Tree[Leaf]) dtab.Kind {
	switch tree.Kind {
	case dtab.Alt:
		for _, c := range tree.Children {
			if k := settle(c.Tree); k != dtab.Neg {
				return k
			}
		}
		return dtab.Neg
	case dtab.Union:
		for _, c := range tree.Children {
			if k := settle(c.Tree); k != dtab.Neg && k != dtab.Fail {
				return dtab.Union
			}
		}
		return dtab.Neg
	default:
		return tree.Kind
	}
}

// exact is a weight as the decimal number it was written as.
func exact(weight float64) (*big.Rat, error) {
	if math.IsNaN(weight) || math.IsInf(weight, 0) || weight < 0 {
		return nil, fmt.Errorf("weight %v is not a finite number of at least 0", weight)
	}
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(weight, 'g', -1, 64))
	if !ok {
		return nil, fmt.Errorf("weight %v cannot be read", weight)
	}
	return r, nil
}

// round is r itself unless its denominator is out of all proportion. What is
// positive stays positive.
func round(r *big.Rat) *big.Rat {
	if r.Denom().BitLen() <= fineness {
		return r
	}
	unit := new(big.Int).Lsh(big.NewInt(1), fineness)
	n := new(big.Int).Mul(r.Num(), unit)
	n.Div(n, r.Denom())
	if n.Sign() == 0 {
		n.SetInt64(1)
	}
	return new(big.Rat).SetFrac(n, unit)
}
