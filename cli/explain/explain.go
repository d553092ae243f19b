// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package explain tells what becomes of a name: which rules are tried and where
// they stand, which of them answers, and what share of the traffic goes where. It
// is pure: a table and a World go in and an Account comes out, made by the
// evaluator that the operator uses. It prints accounts, and compares them.
package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/wye-dev/wye/controllers/translate"
	"github.com/wye-dev/wye/dtab"
)

// World is what exists: namers, and what is known of the names that they bound.
type World interface {
	dtab.Namers
	// Fact is what is known of a concrete name, bound or not.
	Fact(path dtab.Path) Fact
}

// Fact is what is known of a concrete name.
type Fact struct {
	Text  string // such as "3 ready endpoints" or "no such Service"
	Ready *int   // ready endpoints; nil if that is not known
}

// Question is what is to be explained.
type Question struct {
	Name   dtab.Path
	Table  string // what to call the table
	Dtab   dtab.Dtab
	Places []string // of the rules
	World  World
}

// Account is what becomes of a name.
type Account struct {
	Name         string        `json:"name"`
	Table        string        `json:"table"`
	Destinations []Destination `json:"destinations"`
	// LeftOut are branches that could not be looked up, and so get nothing.
	LeftOut []string `json:"leftOut,omitempty"`
	// Steps lead to the destinations. nil if the name leads too far to be followed.
	Steps *Step `json:"steps,omitempty"`
}

// Destination is where a share of the traffic goes.
type Destination struct {
	// Name is the concrete name; empty where the traffic goes nowhere.
	Name    string  `json:"name,omitempty"`
	Share   float64 `json:"share"`   // 0 to 1
	Percent string  `json:"percent"` // the share, in a way that all add up
	Weight  float64 `json:"weight"`  // product of the weights on the way
	State   string  `json:"state"`   // such as "3 ready endpoints", or why the traffic goes nowhere
	Ready   *int    `json:"readyEndpoints,omitempty"`
}

// Explain follows a name.
func Explain(q Question) Account {
	in := dtab.Interpreter{Table: dtab.NewTable(q.Dtab), Namers: q.World}
	a := Account{Name: q.Name.String(), Table: q.Table}
	binding, err := in.Bind(q.Name)
	if err != nil {
		a.Destinations = nowhere(trouble(err))
	} else {
		a.Destinations = destinations(binding.Tree, q.World)
	}
	for _, err := range binding.LeftOut {
		a.LeftOut = append(a.LeftOut, trouble(err))
	}
	if delegation, err := in.Delegate(q.Name); err == nil {
		a.Steps = steps(q, delegation)
	}
	return a
}

// nowhere is the whole of the traffic, refused.
func nowhere(why string) []Destination {
	return []Destination{{Share: 1, Percent: "100%", Weight: 1, State: why}}
}

// destinations are the shares of a bound tree, each name once.
func destinations(t dtab.Tree[dtab.Bound], world World) []Destination {
	s := spreading{world: world, at: map[string]int{}}
	s.spread(t, 1, 1)
	fractions := make([]float64, len(s.found))
	for i, d := range s.found {
		fractions[i] = d.Share
	}
	for i, percent := range translate.Percentages(fractions) {
		s.found[i].Percent = percent
	}
	return s.found
}

// spreading gives the leaves of a bound tree their shares.
type spreading struct {
	world World
	found []Destination
	at    map[string]int // name and state -> place in found
}

func (s *spreading) spread(t dtab.Tree[dtab.Bound], weight, share float64) {
	switch t.Kind {
	case dtab.Neg:
		s.add("", "no such name, so connections are refused", nil, weight, share)
	case dtab.Fail:
		s.add("", "fails (!), so connections are refused", nil, weight, share)
	case dtab.Empty:
		s.add("", "nobody is there ($), so connections are refused", nil, weight, share)
	case dtab.Leaf:
		fact := s.world.Fact(t.Leaf.ID)
		s.add(t.Leaf.ID.String(), fact.Text, fact.Ready, weight, share)
	case dtab.Union:
		total := 0.0
		for _, c := range t.Children {
			total += c.Weight
		}
		if total == 0 {
			s.add("", "all weights are zero, so connections are refused", nil, 0, share)
			share, total = 0, 1
		}
		for _, c := range t.Children {
			s.spread(c.Tree, weight*c.Weight, share*c.Weight/total)
		}
	}
}

func (s *spreading) add(name, state string, ready *int, weight, share float64) {
	key := name + "\n" + state
	i, ok := s.at[key]
	if !ok {
		i = len(s.found)
		s.at[key] = i
		s.found = append(s.found, Destination{Name: name, State: state, Ready: ready})
	}
	s.found[i].Weight += weight
	s.found[i].Share += share
}

// trouble says why a name cannot be bound.
func trouble(err error) string {
	var at *dtab.PathError
	if !errors.Is(err, dtab.ErrDepth) || !errors.As(err, &at) {
		return "cannot be looked up: " + err.Error()
	}
	names := make([]string, len(at.Trail))
	for i, p := range at.Trail {
		names[i] = p.String()
	}
	if n := len(at.Trail); n > 1 && at.Trail[0].Equal(at.Trail[n-1]) {
		return "the rules go round in a circle: " + strings.Join(names, " -> ")
	}
	return fmt.Sprintf("the rules lead through more than %d names: %s -> ...", dtab.MaxDepth, strings.Join(names, " -> "))
}
