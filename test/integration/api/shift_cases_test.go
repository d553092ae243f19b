// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

var shiftBounds = []bound{
	{
		path:    "spec.splitting",
		demand:  "enum",
		accept:  `splitting: Sticky`,
		refuse:  `splitting: sticky`,
		message: `supported values: "Exact", "Sticky"`,
	},
	{
		path:    "spec.migration.mode",
		demand:  "enum",
		accept:  `migration: {mode: Keep}`,
		refuse:  `migration: {mode: keep}`,
		message: `supported values: "Keep", "Deadline", "Rate"`,
	},
	{
		path:   "spec.migration",
		demand: "mode Rate needs perSecond, such as 10",
		accept: `migration: {mode: Rate, perSecond: 10}`,
		refuse: `migration: {mode: Rate, deadline: 10m}`,
	},
	{
		path:   "spec.migration",
		demand: "mode Deadline needs deadline, such as 10m",
		accept: `migration: {mode: Deadline, deadline: 10m, idleFirst: true}`,
		refuse: `migration: {mode: Deadline, idleFirst: true}`,
	},
	{
		path:   "spec.migration",
		demand: "perSecond goes with mode Rate only",
		accept: `migration: {mode: Rate, perSecond: 1, deadline: 1h}`,
		refuse: `migration: {perSecond: 1}`,
	},
	{
		path:   "spec.migration",
		demand: "deadline and idleFirst go with mode Rate or Deadline",
		accept: `migration: {mode: Rate, perSecond: 1, deadline: 1h, idleFirst: false}`,
		refuse: `migration: {mode: Keep, idleFirst: true}`,
	},
	{
		path:   "spec.migration.perSecond",
		demand: "perSecond must be a number from 0.001 to 100000, such as 10 or 500m",
		accept: `migration: {mode: Rate, perSecond: 1m}`,
		refuse: `migration: {mode: Rate, perSecond: 0}`,
	},
	{
		path:    "spec.migration.perSecond",
		demand:  "pattern",
		accept:  `migration: {mode: Rate, perSecond: "0.25"}`,
		refuse:  `migration: {mode: Rate, perSecond: few}`,
		message: "spec.migration.perSecond in body should match",
	},
	{
		path:   "spec.migration.deadline",
		demand: "deadline must be a duration from 1s to 8760h, such as 10m or 24h",
		accept: `migration: {mode: Deadline, deadline: 1s}`,
		refuse: `migration: {mode: Deadline, deadline: 999ms}`,
	},
	{
		path:    "spec.migration.deadline",
		demand:  "maxLength",
		accept:  `migration: {mode: Deadline, deadline: ` + duration32 + `}`,
		refuse:  `migration: {mode: Deadline, deadline: 0` + duration32 + `}`,
		message: "spec.migration.deadline: Too long: may not be more than 32 bytes",
	},
}
