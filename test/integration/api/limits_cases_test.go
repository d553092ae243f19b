// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"slices"
	"strings"
)

// access lists n CIDRs.
func access(list string, n int) string {
	cidrs := make([]string, n)
	for i := range cidrs {
		cidrs[i] = fmt.Sprintf(`"2001:db8:%x::/48"`, i)
	}
	return `access: {` + list + `: [` + strings.Join(cidrs, ", ") + `]}`
}

// number bounds a number of a spec.
func number(path, spec string, most int) []bound {
	field := path[strings.LastIndex(path, ".")+1:]
	set := func(n int) string { return fmt.Sprintf(`%s: {%s: %d}`, spec, field, n) }
	return []bound{
		{
			path: path, demand: "minimum", accept: set(1), refuse: set(0),
			message: path + " in body should be greater than or equal to 1",
		},
		{
			path: path, demand: "maximum", accept: set(most), refuse: set(most + 1),
			message: path + " in body should be less than or equal to 1",
		},
	}
}

func routeLimitBounds() []bound {
	return slices.Concat(number("spec.limits.maxConnections", "limits", 10_000_000), number("spec.limits.maxConnectionsPerClient", "limits", 10_000_000), []bound{
		{
			path:   "spec.limits.bytesPerSecond",
			demand: "bytesPerSecond must be a quantity from 1Ki to 1T, such as 512Ki or 10M",
			accept: `limits: {bytesPerSecond: 1024}`,
			refuse: `limits: {bytesPerSecond: 1k}`,
		},
		{
			path:    "spec.limits.bytesPerSecond",
			demand:  "pattern",
			accept:  `limits: {bytesPerSecond: 1.5Mi}`,
			refuse:  `limits: {bytesPerSecond: fast}`,
			message: "spec.limits.bytesPerSecond in body should match",
		},
		{
			path:    "spec.limits.bytesPerSecond",
			demand:  "maxLength",
			accept:  `limits: {bytesPerSecond: "` + strings.Repeat("0", 28) + `5000"}`,
			refuse:  `limits: {bytesPerSecond: "` + strings.Repeat("0", 29) + `5000"}`,
			message: "spec.limits.bytesPerSecond: Too long: may not be more than 32 bytes",
		},
		{
			path:   "spec.access",
			demand: "set allow, deny or both: lists of CIDRs",
			accept: `access: {deny: [10.0.0.0/8]}`,
			refuse: `access: {mode: Audit}`,
		},
		{
			path:    "spec.access.mode",
			demand:  "enum",
			accept:  `access: {mode: Audit, allow: ["::/0"]}`,
			refuse:  `access: {mode: Log, allow: ["::/0"]}`,
			message: `supported values: "Enforce", "Audit"`,
		},
	}, accessBounds())
}

func accessBounds() (all []bound) {
	for _, list := range []string{"allow", "deny"} {
		path := "spec.access." + list
		all = append(all, bound{
			path: path, demand: "must be a CIDR, such as 10.0.0.0/8 or 2001:db8::/32",
			accept: `access: {` + list + `: [192.0.2.1/32, "2001:DB8::/32"]}`,
			refuse: `access: {` + list + `: [192.0.2.1/32, 192.0.2.1]}`,
		}, bound{
			path: path, demand: "maxLength",
			accept:  `access: {` + list + `: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"]}`,
			refuse:  `access: {` + list + `: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/0128"]}`,
			message: path + "[0]: Too long: may not be more than 43 bytes",
		}, bound{
			path: path, demand: "minItems", accept: access(list, 1), refuse: access(list, 0),
			message: path + " in body should have at least 1 items",
		}, bound{
			path: path, demand: "maxItems", accept: access(list, 1000), refuse: access(list, 1001),
			message: path + ": Too many: 1001: must have at most 1000 items",
		})
	}
	return all
}

func listenerLimitBounds() []bound {
	all := number("spec.listenerLimits.maxConnections", "listenerLimits", 10_000_000)
	all = append(all, number("spec.listenerLimits.acceptRate", "listenerLimits", 1_000_000)...)
	return append(all, number("spec.listenerLimits.maxHandshakes", "listenerLimits", 1_000_000)...)
}
