// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package observe is how people learn what the proxies saw: GET /observed, whose
// answer is JSON, its server and its client. The server asks an Asker anew for
// each request, and keeps and changes nothing. It is for loopback: whoever can
// reach it may read.
package observe

import "time"

// Path is what is served. Its parameters are namespace, that of the routes, and
// name, of one route; without it, the answer is about all routes of the namespace
// that are published.
const Path = "/observed"

// Answer is what the proxies said. Proxies count by themselves: the numbers are
// the sums of theirs.
type Answer struct {
	Routes []Route `json:"routes"` // sorted by name
}

// Route is what the proxies of a fleet said of a route that is published.
type Route struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Fleet     string `json:"fleet"` // NAMESPACE/NAME
	Hash      string `json:"hash"`  // of the newest form, as .status.configHash

	// Arms of the newest form, sorted by name.
	Arms []Arm `json:"arms"`
	// Departed is how many connections are still open to arms that the newest form
	// does not have.
	Departed uint64 `json:"departed"`
	// Stale is how many connections migration is to end, of all arms, also of those that
	// the newest form does not have.
	Stale uint64 `json:"stale,omitempty"`

	// Counted is how many proxies serve the newest form: Opened is of these.
	Counted int `json:"counted"`
	// Since is when the last of these put it in force, by its own clock. Not set
	// when there are none.
	Since *time.Time `json:"since,omitempty"`
	// Behind are those that serve another form, or none. What they have open counts
	// in Open.
	Behind []string `json:"behind,omitempty"` // pods, sorted
	// Silent are those connected proxies that did not say: they took too long, or
	// are of a version that cannot, or had too much to say.
	Silent []string `json:"silent,omitempty"` // pods, sorted
}

// Arm is what became of the connections of one arm.
type Arm struct {
	// Name of the backend, or the concrete name that the arm is bound to.
	Name string `json:"name"`
	// Opened is how many connections reached an endpoint of the arm since each
	// proxy put the newest form in force.
	Opened uint64 `json:"opened"`
	// Open is how many connections the arm has now, of whatever time.
	Open uint64 `json:"open"`
	// Stale is how many of these migration is to end.
	Stale uint64 `json:"stale,omitempty"`
	// Out is how many endpoints of the arm get no connections because they failed, of
	// the proxy with most of them.
	Out uint32 `json:"out,omitempty"`
}
