// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"math"
	"slices"
	"strconv"

	"github.com/wye-dev/wye/dtab"
)

// shortNames are the names of arms for people: a backend's own, else the
// shortest end of the concrete name that no other arm's name has.
func shortNames(list []arm) []string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.backend
	}
	for i, a := range list {
		if names[i] == "" {
			names[i] = shortName(a.id, list)
		}
	}
	return names
}

func shortName(id dtab.Path, list []arm) string {
	for n := segments(id); n < len(id); n++ {
		end := id[len(id)-n:]
		shared := 0
		for _, a := range list {
			if len(a.id) >= n && slices.Equal(a.id[len(a.id)-n:], end) {
				shared++
			}
		}
		if shared <= 1 {
			return end.String()[1:]
		}
	}
	return idText(id)
}

// segments is the fewest segments that make a good name: an address such as
// /$/inet/HOST/PORT ends in a port, which says little by itself.
func segments(id dtab.Path) int {
	if id.HasPrefix(dtab.Path{"$", "inet"}) || id.HasPrefix(dtab.Path{"$", "fixedinet"}) {
		return 2
	}
	return 1
}

// Percentages prints fractions of a whole as the Split column does: 90% and 10%.
func Percentages(fractions []float64) []string {
	list := make([]arm, len(fractions))
	for i, f := range fractions {
		list[i].fraction = f
	}
	return percentages(list)
}

// percentages are the arms' shares of connections as texts that add up: in whole
// per cent where that is exact, else with one decimal, with two where an arm
// would vanish or that is exact. What rounding leaves over goes to the arms that
// lost most by it (the method of the largest remainder).
func percentages(list []arm) []string {
	decimals := 1
	switch {
	case fits(list, 100):
		decimals = 0
	case !fits(list, 1000) && (fits(list, 10000) || vanishes(list, 1000)):
		decimals = 2
	}
	units := apportion(list, 100*math.Pow10(decimals))
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = percentage(units[i], decimals, a.fraction)
	}
	return texts
}

// fits tells whether each share is a whole number of units, but for the noise of
// floating point.
func fits(list []arm, units float64) bool {
	return !slices.ContainsFunc(list, func(a arm) bool {
		n := a.fraction * units
		return math.Abs(n-math.Round(n)) > 1e-6
	})
}

// vanishes tells whether a share is so small that it would be rounded to nothing.
func vanishes(list []arm, units float64) bool {
	return slices.ContainsFunc(list, func(a arm) bool { return a.fraction > 0 && a.fraction*units < 1 })
}

// apportion rounds shares to whole units so that they sum up to the whole.
func apportion(list []arm, whole float64) []int {
	units := make([]int, len(list))
	order := make([]int, len(list)) // arms, by what rounding down took from them
	sum, given := 0.0, 0
	for i, a := range list {
		units[i] = int(a.fraction*whole + 1e-6)
		order[i] = i
		sum += a.fraction * whole
		given += units[i]
	}
	rest := func(i int) float64 { return list[i].fraction*whole - float64(units[i]) }
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := rest(a), rest(b); {
		case math.Abs(x-y) < 1e-6:
			return 0
		case x > y:
			return -1
		default:
			return 1
		}
	})
	for left := int(math.Round(sum)) - given; left > 0 && len(order) > 0; left, order = left-1, order[1:] {
		units[order[0]]++
	}
	return units
}

// percentage prints units of per cent. A share that is not quite nothing, or not
// quite all, does not read as if it were.
func percentage(units, decimals int, fraction float64) string {
	scale := math.Pow10(decimals)
	switch {
	case units == 0 && fraction > 0:
		return "<" + strconv.FormatFloat(1/scale, 'f', -1, 64) + "%"
	case float64(units) >= 100*scale && fraction < 1-1e-9:
		return ">" + strconv.FormatFloat(100-1/scale, 'f', -1, 64) + "%"
	}
	return strconv.FormatFloat(float64(units)/scale, 'f', -1, 64) + "%"
}
