// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

var connectionBounds = []bound{
	{
		path: "spec.minConnections", demand: "minimum",
		accept: `minConnections: 1`, refuse: `minConnections: 0`,
		message: "spec.minConnections in body should be greater than or equal to 1",
	},
	{
		path: "spec.minConnections", demand: "maximum",
		accept: `minConnections: 1000`, refuse: `minConnections: 1001`,
		message: "spec.minConnections in body should be less than or equal to 1000",
	},
	{
		path:   "spec",
		demand: "minConnections does not go with loadBalancing.policy ConsistentHash, by which an endpoint is chosen for a client that is known: remove one of them",
		accept: `{minConnections: 2, loadBalancing: {policy: RoundRobin}}`,
		refuse: `{minConnections: 2, loadBalancing: {policy: ConsistentHash}}`,
	},
}
