// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package balancer

// Policy is the way in which a pool chooses. The zero value is P2C.
type Policy uint8

const (
	// P2C takes of two endpoints, drawn in proportion to their weights, the one
	// with less load for its weight. Neither more endpoints nor more threads make
	// it slower.
	P2C Policy = iota
	// RoundRobin takes one after the other, each as often as its weight says. All
	// threads share one sequence.
	RoundRobin
	// LeastConnections takes the endpoint with the least load for its weight; of
	// several, any. It looks at all endpoints.
	LeastConnections
	// ConsistentHash takes the same endpoint for the same client for as long as that
	// is there. It computes a number for each endpoint.
	ConsistentHash
)
