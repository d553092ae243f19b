// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

var balancingBounds = []bound{
	{
		path:    "spec.loadBalancing.policy",
		demand:  "enum",
		accept:  `loadBalancing: {policy: LeastConnections, slowStart: 30s}`,
		refuse:  `loadBalancing: {policy: leastConnections}`,
		message: `supported values: "P2C", "RoundRobin", "LeastConnections", "ConsistentHash"`,
	},
	{
		path:    "spec.loadBalancing.zonePreference",
		demand:  "enum",
		accept:  `loadBalancing: {zonePreference: Ignore}`,
		refuse:  `loadBalancing: {zonePreference: Prefer}`,
		message: `supported values: "Hints", "Ignore"`,
	},
	{
		path:   "spec.loadBalancing.slowStart",
		demand: "slowStart must be a duration from 1s to 1h, such as 30s or 2m",
		accept: `loadBalancing: {slowStart: 1s}`,
		refuse: `loadBalancing: {slowStart: 1h1s}`,
	},
	{
		path:    "spec.loadBalancing.slowStart",
		demand:  "maxLength",
		accept:  `loadBalancing: {slowStart: ` + duration32 + `}`,
		refuse:  `loadBalancing: {slowStart: 0` + duration32 + `}`,
		message: "spec.loadBalancing.slowStart: Too long: may not be more than 32 bytes",
	},
	{
		path:   "spec.loadBalancing",
		demand: "slowStart does not go with policy ConsistentHash, by which a client has one endpoint, new or not: remove one of them",
		accept: `loadBalancing: {policy: ConsistentHash}`,
		refuse: `loadBalancing: {policy: ConsistentHash, slowStart: 30s}`,
	},
}
