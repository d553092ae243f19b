// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "strings"

var dtabBounds = []bound{
	{
		path:   "spec.dentries",
		demand: "prefix must begin with '/', for example /svc/redis",
		accept: `dentries: [{prefix: /svc, dst: /cluster}, {prefix: /svc/redis, dst: "9 * /cluster/redis1 & 1 * /cluster/redis2"}]`,
		refuse: `dentries: [{prefix: svc, dst: /cluster}]`,
	},
	{
		path:    "spec.dentries",
		demand:  "maxItems",
		accept:  `dentries: [` + strings.Repeat("{prefix: /a, dst: /b},", 10000) + `]`,
		refuse:  `dentries: [` + strings.Repeat("{prefix: /a, dst: /b},", 10001) + `]`,
		message: "spec.dentries: Too many: 10001: must have at most 10000 items",
	},
	{
		path:    "spec.dentries.prefix",
		demand:  "required",
		accept:  `dentries: [{prefix: /, dst: /b}]`,
		refuse:  `dentries: [{dst: /b}]`,
		message: "spec.dentries[0].prefix: Required value",
	},
	{
		path:    "spec.dentries.prefix",
		demand:  "minLength",
		accept:  `dentries: [{prefix: /, dst: /b}]`,
		refuse:  `dentries: [{prefix: "", dst: /b}]`,
		message: "spec.dentries[0].prefix in body should be at least 1 chars long",
	},
	{
		path:    "spec.dentries.prefix",
		demand:  "maxLength",
		accept:  `dentries: [{prefix: /` + chars(2047) + `, dst: /b}]`,
		refuse:  `dentries: [{prefix: /` + chars(2048) + `, dst: /b}]`,
		message: "spec.dentries[0].prefix: Too long: may not be more than 2048 bytes",
	},
	{
		path:    "spec.dentries.dst",
		demand:  "required",
		accept:  `dentries: [{prefix: /a, dst: "!"}]`,
		refuse:  `dentries: [{prefix: /a}]`,
		message: "spec.dentries[0].dst: Required value",
	},
	{
		path:    "spec.dentries.dst",
		demand:  "minLength",
		accept:  `dentries: [{prefix: /a, dst: "~"}]`,
		refuse:  `dentries: [{prefix: /a, dst: ""}]`,
		message: "spec.dentries[0].dst in body should be at least 1 chars long",
	},
	{
		path:    "spec.dentries.dst",
		demand:  "maxLength",
		accept:  `dentries: [{prefix: /a, dst: /` + chars(16383) + `}]`,
		refuse:  `dentries: [{prefix: /a, dst: /` + chars(16384) + `}]`,
		message: "spec.dentries[0].dst: Too long: may not be more than 16384 bytes",
	},
}
