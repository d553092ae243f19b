// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
)

var tcpRouteBounds = []bound{
	{
		path:   "spec",
		demand: "set exactly one of dst (a logical name such as /svc/redis) and backends (a list with weights)",
		accept: `{dst: null, backends: [{name: a, dst: /svc/a}]}`,
		refuse: `{dst: /svc/redis, backends: [{name: a, dst: /svc/a}]}`,
	},
	{
		path:   "spec",
		demand: "dst must begin with '/', for example /svc/redis",
		accept: `dst: /#/io.l5d.k8s/prod/redis/redis-master`,
		refuse: `dst: svc/redis`,
	},
	{
		path:    "spec.fleetRef",
		demand:  "required",
		accept:  `fleetRef: {name: redis}`,
		refuse:  `fleetRef: null`,
		message: "spec.fleetRef: Required value",
	},
	{
		path:    "spec.fleetRef.name",
		demand:  "required",
		accept:  `fleetRef: {name: redis}`,
		refuse:  `fleetRef: {}`,
		message: "spec.fleetRef.name: Required value",
	},
	{
		path:    "spec.fleetRef.name",
		demand:  "minLength",
		accept:  `fleetRef: {name: a}`,
		refuse:  `fleetRef: {name: ""}`,
		message: "spec.fleetRef.name in body should be at least 1 chars long",
	},
	{
		path:    "spec.fleetRef.name",
		demand:  "maxLength",
		accept:  `fleetRef: {name: ` + chars(253) + `}`,
		refuse:  `fleetRef: {name: ` + chars(254) + `}`,
		message: "spec.fleetRef.name: Too long: may not be more than 253 bytes",
	},
	{
		path:    "spec.fleetRef.namespace",
		demand:  "minLength",
		accept:  `fleetRef: {name: a, namespace: b}`,
		refuse:  `fleetRef: {name: a, namespace: ""}`,
		message: "spec.fleetRef.namespace in body should be at least 1 chars long",
	},
	{
		path:    "spec.fleetRef.namespace",
		demand:  "maxLength",
		accept:  `fleetRef: {name: a, namespace: ` + chars(63) + `}`,
		refuse:  `fleetRef: {name: a, namespace: ` + chars(64) + `}`,
		message: "spec.fleetRef.namespace: Too long: may not be more than 63 bytes",
	},
	{
		path:    "spec.port",
		demand:  "required",
		accept:  `port: 80`,
		refuse:  `port: null`,
		message: "spec.port: Required value",
	},
	{
		path:    "spec.port",
		demand:  "minimum",
		accept:  `port: 1`,
		refuse:  `port: 0`,
		message: "spec.port in body should be greater than or equal to 1",
	},
	{
		path:    "spec.port",
		demand:  "maximum",
		accept:  `port: 65535`,
		refuse:  `port: 65536`,
		message: "spec.port in body should be less than or equal to 65535",
	},
	{
		path:    "spec.dst",
		demand:  "minLength",
		accept:  `dst: /`,
		refuse:  `dst: ""`,
		message: "spec.dst in body should be at least 1 chars long",
	},
	{
		path:    "spec.dst",
		demand:  "maxLength",
		accept:  `dst: /` + chars(2047),
		refuse:  `dst: /` + chars(2048),
		message: "spec.dst: Too long: may not be more than 2048 bytes",
	},
	{
		path:    "spec.dtabRef.name",
		demand:  "required",
		accept:  `dtabRef: {name: default}`,
		refuse:  `dtabRef: {}`,
		message: "spec.dtabRef.name: Required value",
	},
	{
		path:    "spec.dtabRef.name",
		demand:  "minLength",
		accept:  `dtabRef: {name: a}`,
		refuse:  `dtabRef: {name: ""}`,
		message: "spec.dtabRef.name in body should be at least 1 chars long",
	},
	{
		path:    "spec.dtabRef.name",
		demand:  "maxLength",
		accept:  `dtabRef: {name: ` + chars(253) + `}`,
		refuse:  `dtabRef: {name: ` + chars(254) + `}`,
		message: "spec.dtabRef.name: Too long: may not be more than 253 bytes",
	},
	{
		path:    "spec.onUnavailable",
		demand:  "enum",
		accept:  `onUnavailable: Redistribute`,
		refuse:  `onUnavailable: redistribute`,
		message: `supported values: "Refuse", "Redistribute"`,
	},
}

var backendBounds = []bound{
	{
		path:    "spec.backends",
		demand:  "maxItems",
		accept:  backends(arms(64)),
		refuse:  backends(arms(65)),
		message: "spec.backends: Too many: 65: must have at most 64 items",
	},
	{
		path:    "spec.backends",
		demand:  "unique name",
		accept:  backends(`{name: a, dst: /a}, {name: b, dst: /a}`),
		refuse:  backends(`{name: a, dst: /a}, {name: a, dst: /b}`),
		message: `spec.backends[1]: Duplicate value: {"name":"a"}`,
	},
	{
		path:   "spec.backends",
		demand: "a backend needs exactly one of service and dst",
		accept: backends(`{name: a, service: {name: redis1, port: 6379}}`),
		refuse: backends(`{name: a, dst: /svc/a, service: {name: redis1, port: 6379}}`),
	},
	{
		path:   "spec.backends",
		demand: "dst must begin with '/', for example /svc/redis",
		accept: backends(`{name: a, dst: /svc/a}`),
		refuse: backends(`{name: a, dst: svc/a}`),
	},
	{
		path:    "spec.backends.name",
		demand:  "required",
		accept:  backends(`{name: a, dst: /a}`),
		refuse:  backends(`{dst: /a}`),
		message: "spec.backends[0].name: Required value",
	},
	{
		path:    "spec.backends.name",
		demand:  "minLength",
		accept:  backends(`{name: a, dst: /a}`),
		refuse:  backends(`{name: "", dst: /a}`),
		message: "spec.backends[0].name in body should be at least 1 chars long",
	},
	{
		path:    "spec.backends.name",
		demand:  "maxLength",
		accept:  backends(`{name: ` + chars(63) + `, dst: /a}`),
		refuse:  backends(`{name: ` + chars(64) + `, dst: /a}`),
		message: "spec.backends[0].name: Too long: may not be more than 63 bytes",
	},
	{
		path:    "spec.backends.name",
		demand:  "pattern",
		accept:  backends(`{name: redis-1, dst: /a}`),
		refuse:  backends(`{name: Redis_1, dst: /a}`),
		message: "spec.backends[0].name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'",
	},
	{
		path:    "spec.backends.weight",
		demand:  "minimum",
		accept:  backends(`{name: a, dst: /a, weight: 0}`),
		refuse:  backends(`{name: a, dst: /a, weight: -1}`),
		message: "spec.backends[0].weight in body should be greater than or equal to 0",
	},
	{
		path:    "spec.backends.weight",
		demand:  "maximum",
		accept:  backends(`{name: a, dst: /a, weight: 1000000}`),
		refuse:  backends(`{name: a, dst: /a, weight: 1000001}`),
		message: "spec.backends[0].weight in body should be less than or equal to 1000000",
	},
	{
		path:    "spec.backends.dst",
		demand:  "minLength",
		accept:  backends(`{name: a, dst: /}`),
		refuse:  backends(`{name: a, dst: ""}`),
		message: "spec.backends[0].dst in body should be at least 1 chars long",
	},
	{
		path:    "spec.backends.dst",
		demand:  "maxLength",
		accept:  backends(`{name: a, dst: /` + chars(2047) + `}`),
		refuse:  backends(`{name: a, dst: /` + chars(2048) + `}`),
		message: "spec.backends[0].dst: Too long: may not be more than 2048 bytes",
	},
	{
		path:    "spec.backends.service.name",
		demand:  "required",
		accept:  service(`name: a, port: 1`),
		refuse:  service(`port: 1`),
		message: "spec.backends[0].service.name: Required value",
	},
	{
		path:    "spec.backends.service.name",
		demand:  "minLength",
		accept:  service(`name: a, port: 1`),
		refuse:  service(`name: "", port: 1`),
		message: "spec.backends[0].service.name in body should be at least 1 chars long",
	},
	{
		path:    "spec.backends.service.name",
		demand:  "maxLength",
		accept:  service(`port: 1, name: ` + chars(63)),
		refuse:  service(`port: 1, name: ` + chars(64)),
		message: "spec.backends[0].service.name: Too long: may not be more than 63 bytes",
	},
	{
		path:    "spec.backends.service.port",
		demand:  "required",
		accept:  service(`name: a, port: redis`),
		refuse:  service(`name: a`),
		message: "spec.backends[0].service.port: Required value",
	},
	{
		path:   "spec.backends.service.port",
		demand: "port must be a number from 1 to 65535 or the name of a port",
		accept: service(`name: a, port: 65535`),
		refuse: service(`name: a, port: 65536`),
	},
	{
		path:    "spec.backends.service.port",
		demand:  "minLength",
		accept:  service(`name: a, port: r`),
		refuse:  service(`name: a, port: ""`),
		message: "spec.backends[0].service.port in body should be at least 1 chars long",
	},
	{
		path:    "spec.backends.service.port",
		demand:  "maxLength",
		accept:  service(`name: a, port: ` + chars(63)),
		refuse:  service(`name: a, port: ` + chars(64)),
		message: "spec.backends[0].service.port: Too long: may not be more than 63 bytes",
	},
}

var timeoutBounds = []bound{
	{
		path:   "spec.timeouts.connect",
		demand: "connect must be a duration from 1ms to 5m, such as 500ms or 10s",
		accept: `timeouts: {connect: 1ms}`,
		refuse: `timeouts: {connect: 5m1s}`,
	},
	{
		path:    "spec.timeouts.connect",
		demand:  "maxLength",
		accept:  `timeouts: {connect: ` + duration32 + `}`,
		refuse:  `timeouts: {connect: 0` + duration32 + `}`,
		message: "spec.timeouts.connect: Too long: may not be more than 32 bytes",
	},
	{
		path:   "spec.timeouts.idle",
		demand: "idle must be a duration from 0s to 8760h, such as 90s or 1h30m; 0s means no limit",
		accept: `timeouts: {idle: 0s}`,
		refuse: `timeouts: {idle: -1s}`,
	},
	{
		path:    "spec.timeouts.idle",
		demand:  "maxLength",
		accept:  `timeouts: {idle: ` + duration32 + `}`,
		refuse:  `timeouts: {idle: 0` + duration32 + `}`,
		message: "spec.timeouts.idle: Too long: may not be more than 32 bytes",
	},
	{
		path:   "spec.timeouts.lifetime",
		demand: "lifetime must be a duration from 0s to 8760h, such as 90s or 24h; 0s means no limit",
		accept: `timeouts: {lifetime: 8760h}`,
		refuse: `timeouts: {lifetime: 2 hours}`,
	},
	{
		path:    "spec.timeouts.lifetime",
		demand:  "maxLength",
		accept:  `timeouts: {lifetime: ` + duration32 + `}`,
		refuse:  `timeouts: {lifetime: 0` + duration32 + `}`,
		message: "spec.timeouts.lifetime: Too long: may not be more than 32 bytes",
	},
}

// duration32 is a duration of 32 characters, the most that is taken.
const duration32 = "1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s1s"

func backends(items string) string { return `{dst: null, backends: [` + items + `]}` }

func service(fields string) string { return backends(`{name: a, service: {` + fields + `}}`) }

func arms(n int) string {
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf("{name: arm%d, dst: /svc/redis}", i))
	}
	return strings.Join(items, ", ")
}
