// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import "strings"

var hostnameBounds = []bound{
	{
		path:    "spec.hostnames",
		demand:  "minItems",
		accept:  `hostnames: [a.test]`,
		refuse:  `hostnames: []`,
		message: "spec.hostnames in body should have at least 1 items",
	},
	{
		path:    "spec.hostnames",
		demand:  "maxItems",
		accept:  `hostnames: ` + items(64, `a%d.test`),
		refuse:  `hostnames: ` + items(65, `a%d.test`),
		message: "spec.hostnames: Too many: 65: must have at most 64 items",
	},
	{
		path:    "spec.hostnames",
		demand:  "minLength",
		accept:  `hostnames: [a]`,
		refuse:  `hostnames: [""]`,
		message: "spec.hostnames[0] in body should be at least 1 chars long",
	},
	{
		path:    "spec.hostnames",
		demand:  "maxLength",
		accept:  `hostnames: [` + strings.Repeat("abcdefg.", 31) + `abcde]`,
		refuse:  `hostnames: [` + strings.Repeat("abcdefg.", 31) + `abcdef]`,
		message: "spec.hostnames[0]: Too long: may not be more than 253 bytes",
	},
	{
		path:    "spec.hostnames",
		demand:  "pattern",
		accept:  `hostnames: ["*.a-b.test"]`,
		refuse:  `hostnames: ["a.*.test"]`,
		message: "spec.hostnames[0] in body should match",
	},
	{
		path:   "spec.hostnames",
		demand: "must be a host name: clients of TLS do not ask for IP addresses",
		accept: `hostnames: [10.0.0.1.test]`,
		refuse: `hostnames: [10.0.0.1]`,
	},
	{
		path:    "spec.matchProtocols",
		demand:  "minItems",
		accept:  `matchProtocols: [h2]`,
		refuse:  `matchProtocols: []`,
		message: "spec.matchProtocols in body should have at least 1 items",
	},
	{
		path:    "spec.matchProtocols",
		demand:  "maxItems",
		accept:  `matchProtocols: ` + items(16, `p%d`),
		refuse:  `matchProtocols: ` + items(17, `p%d`),
		message: "spec.matchProtocols: Too many: 17: must have at most 16 items",
	},
	{
		path:    "spec.matchProtocols",
		demand:  "minLength",
		accept:  `matchProtocols: [a]`,
		refuse:  `matchProtocols: [""]`,
		message: "spec.matchProtocols[0] in body should be at least 1 chars long",
	},
	{
		path:    "spec.matchProtocols",
		demand:  "maxLength",
		accept:  `matchProtocols: [` + chars(255) + `]`,
		refuse:  `matchProtocols: [` + chars(256) + `]`,
		message: "spec.matchProtocols[0]: Too long: may not be more than 255 bytes",
	},
}

var proxyProtocolBounds = []bound{
	{
		path:    "spec.proxyProtocol.trustedCIDRs",
		demand:  "required",
		accept:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8]}`,
		refuse:  `proxyProtocol: {}`,
		message: "spec.proxyProtocol.trustedCIDRs: Required value",
	},
	{
		path:    "spec.proxyProtocol.trustedCIDRs",
		demand:  "minItems",
		accept:  `proxyProtocol: {trustedCIDRs: ["::/0"]}`,
		refuse:  `proxyProtocol: {trustedCIDRs: []}`,
		message: "spec.proxyProtocol.trustedCIDRs in body should have at least 1 items",
	},
	{
		path:    "spec.proxyProtocol.trustedCIDRs",
		demand:  "maxItems",
		accept:  `proxyProtocol: {trustedCIDRs: ` + items(64, `10.%d.0.0/16`) + `}`,
		refuse:  `proxyProtocol: {trustedCIDRs: ` + items(65, `10.%d.0.0/16`) + `}`,
		message: "spec.proxyProtocol.trustedCIDRs: Too many: 65: must have at most 64 items",
	},
	{
		path:    "spec.proxyProtocol.trustedCIDRs",
		demand:  "maxLength",
		accept:  `proxyProtocol: {trustedCIDRs: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"]}`,
		refuse:  `proxyProtocol: {trustedCIDRs: ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/0128"]}`,
		message: "spec.proxyProtocol.trustedCIDRs[0]: Too long: may not be more than 43 bytes",
	},
	{
		path:   "spec.proxyProtocol.trustedCIDRs",
		demand: "must be a CIDR, such as 10.0.0.0/8 or 2001:db8::/32",
		accept: `proxyProtocol: {trustedCIDRs: [192.0.2.1/32]}`,
		refuse: `proxyProtocol: {trustedCIDRs: [192.0.2.1]}`,
	},
	{
		path:    "spec.proxyProtocol.ports",
		demand:  "minItems",
		accept:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: [443]}`,
		refuse:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: []}`,
		message: "spec.proxyProtocol.ports in body should have at least 1 items",
	},
	{
		path:    "spec.proxyProtocol.ports",
		demand:  "maxItems",
		accept:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: ` + items(64, `1%d`) + `}`,
		refuse:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: ` + items(65, `1%d`) + `}`,
		message: "spec.proxyProtocol.ports: Too many: 65: must have at most 64 items",
	},
	{
		path:    "spec.proxyProtocol.ports",
		demand:  "minimum",
		accept:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: [1]}`,
		refuse:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: [0]}`,
		message: "spec.proxyProtocol.ports[0] in body should be greater than or equal to 1",
	},
	{
		path:    "spec.proxyProtocol.ports",
		demand:  "maximum",
		accept:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: [65535]}`,
		refuse:  `proxyProtocol: {trustedCIDRs: [10.0.0.0/8], ports: [65536]}`,
		message: "spec.proxyProtocol.ports[0] in body should be less than or equal to 65535",
	},
}
