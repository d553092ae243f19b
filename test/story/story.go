// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package story is what Wye's demo and its end-to-end test play: the traffic of a
// Redis moves to another one, scene by scene, by tables of config/samples/demo
// alone. A Player makes each scene's change, waits until it is in force on every
// proxy, and has the servers count where new connections go. It starts nothing:
// servers, proxies and load are there before.
package story

import (
	"fmt"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/wye-dev/wye/api/v1alpha1"
	"github.com/wye-dev/wye/test/load"
)

const (
	// Connections are counted in each scene.
	Connections = 1000
	// Proxies are in the fleet.
	Proxies = 3
	// Namespace and names of the samples' objects.
	Route = "redis"
	Table = "default"
)

// Scene is one step of the story.
type Scene struct {
	Title  string
	File   string     // of config/samples/demo, to apply; or empty, and
	Redis2 Existence  // what becomes of that name
	Want   [2]float64 // shares of redis1 and redis2, of 1

	split string // of the route, once the scene is in force; empty where the table tells
}

// Existence of a name.
type Existence int

// What a scene does to redis2.
const (
	AsItIs Existence = iota
	Gone
	Back
)

// Scenes are the story.
func Scenes() []Scene {
	return []Scene{
		{Title: "all to redis1", File: "01-redis1.yaml", Want: [2]float64{1, 0}},
		{Title: "99:1", File: "02-canary.yaml", Want: [2]float64{0.99, 0.01}},
		{Title: "3:1", File: "03-quarter.yaml", Want: [2]float64{0.75, 0.25}},
		{Title: "all to redis2", File: "04-redis2.yaml", Want: [2]float64{0, 1}},
		{Title: "prefer redis2, fall back", File: "05-fallback.yaml", Want: [2]float64{0, 1}},
		{Title: "redis2 is taken away", Redis2: Gone, Want: [2]float64{1, 0}, split: "redis1=100%"},
		{Title: "redis2 comes back", Redis2: Back, Want: [2]float64{0, 1}, split: "redis2=100%"},
	}
}

// View is what the API server says.
type View struct {
	Route v1alpha1.TCPRoute
	Table v1alpha1.Dtab
}

// InForce tells whether every proxy serves the scene.
func (s Scene) InForce(v View) bool {
	converged := func(p v1alpha1.ProxyCounts) bool { return p.Total == Proxies && p.Converged == Proxies }
	if s.split != "" {
		return v.Route.Status.Split == s.split && converged(v.Route.Status.Proxies)
	}
	c := meta.FindStatusCondition(v.Table.Status.Conditions, v1alpha1.ConditionProgrammed)
	return c != nil && c.Status == "True" && c.ObservedGeneration == v.Table.Generation && converged(v.Table.Status.Proxies)
}

// Outcome is what a scene came to.
type Outcome struct {
	Counts [2]int64      // new connections that reached each server
	Load   load.Totals   // during the scene
	Took   time.Duration // from the change to being in force on all proxies
}

// Mistakes compares an outcome with what was asked for. Each proxy is exact to
// within one connection at any moment; a scene begins and ends at some moment, so
// a count may be off by two for each proxy, however many connections there were.
func (s Scene) Mistakes(o Outcome) []string {
	var wrong []string
	var sum int64
	for i, n := range o.Counts {
		sum += n
		want := s.Want[i] * Connections
		if off := math.Abs(float64(n) - want); off > 2*Proxies || (s.Want[i] == 0 && n != 0) {
			wrong = append(wrong, fmt.Sprintf("%s: redis%d got %d connections instead of %.0f", s.Title, i+1, n, want))
		}
	}
	if sum != Connections {
		wrong = append(wrong, fmt.Sprintf("%s: the servers counted %d connections instead of %d", s.Title, sum, Connections))
	}
	if o.Load.Failed > 0 || o.Load.Lost > 0 {
		wrong = append(wrong, fmt.Sprintf("%s: %d commands failed, %d connections were lost", s.Title, o.Load.Failed, o.Load.Lost))
	}
	return wrong
}
