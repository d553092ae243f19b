// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"math"
	"testing"

	"github.com/wye-dev/wye/dtab"
)

func TestDestinationsAreDrawnByWeight(t *testing.T) {
	const draws = 20_000
	for text, want := range map[string]map[string]float64{
		"/$/inet/1":                     {"/$/inet/1": 1},
		"3 * /$/inet/1 & 1 * /$/inet/2": {"/$/inet/1": 0.75, "/$/inet/2": 0.25},
		"0 * /$/inet/1 & 0.001 * /$/inet/2 & 0 * /$/inet/3":   {"/$/inet/2": 1},
		"0 * /$/inet/1 & 0 * /$/inet/2":                       {"/$/inet/1": 0.5, "/$/inet/2": 0.5},
		"1 * (1 * /$/inet/1 & 1 * /$/inet/2) & 2 * /$/inet/3": {"/$/inet/1": 1. / 6, "/$/inet/2": 1. / 6, "/$/inet/3": 2. / 3},
		"1 * $ & 1 * /$/inet/1":                               {"": 0.5, "/$/inet/1": 0.5},
		"!":                                                   {"": 1},
		"~":                                                   {"": 1},
		"$":                                                   {"": 1},
		"1 * ! & 9 * /$/inet/1 & 1 * ~":                       {"/$/inet/1": 1},
		"5 * /$/inet/1 & 3 * /$/inet/2 & 2 * /$/inet/1 & 0 * $": {"/$/inet/1": 0.7, "/$/inet/2": 0.3},
	} {
		tree, err := dtab.ParseTree(text)
		if err != nil {
			t.Fatal(err)
		}
		binding, err := dtab.Interpreter{}.BindTree(tree)
		if err != nil {
			t.Fatal(err)
		}
		drawn := map[string]int{}
		for range draws {
			id := ""
			if bound := choose(binding.Tree); bound != nil {
				id = bound.ID.String()
			}
			drawn[id]++
		}
		for id, n := range drawn {
			if share := float64(n) / draws; math.Abs(share-want[id]) > 0.03 { // 8 standard deviations
				t.Errorf("%s: %s is drawn in %v of cases, want %v", text, id, share, want[id])
			}
		}
	}
}
