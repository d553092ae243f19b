// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// between bounds a number of a spec.
func between(path, spec string, least, most int) []bound {
	field := path[strings.LastIndex(path, ".")+1:]
	set := func(n int) string { return fmt.Sprintf(`%s: {%s: %d}`, spec, field, n) }
	return []bound{
		{
			path: path, demand: "minimum", accept: set(least), refuse: set(least - 1),
			message: fmt.Sprintf("%s in body should be greater than or equal to %d", path, least),
		},
		{
			path: path, demand: "maximum", accept: set(most), refuse: set(most + 1),
			message: fmt.Sprintf("%s in body should be less than or equal to %d", path, most),
		},
	}
}

// span bounds a duration of a spec. long is one of 32 bytes that is good.
func span(path, spec, demand, accept, refuse, long string) []bound {
	field := path[strings.LastIndex(path, ".")+1:]
	set := func(d string) string { return fmt.Sprintf(`%s: {%s: %s}`, spec, field, d) }
	return []bound{
		{path: path, demand: demand, accept: set(accept), refuse: set(refuse)},
		{
			path: path, demand: "maxLength", accept: set(long), refuse: set("0" + long),
			message: path + ": Too long: may not be more than 32 bytes",
		},
	}
}

// exchanged bounds a text that a check sends or expects, and the same in base64.
func exchanged(field string) []bound {
	path := "spec.healthCheck." + field
	set := func(field, value string) string { return fmt.Sprintf(`healthCheck: {%s: "%s"}`, field, value) }
	encoded := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	return []bound{
		{
			path: path, demand: "minLength", accept: set(field, "x"), refuse: set(field, ""),
			message: path + " in body should be at least 1 chars long",
		},
		{
			path: path, demand: "maxLength", accept: set(field, strings.Repeat("x", 1024)), refuse: set(field, strings.Repeat("x", 1025)),
			message: path + ": Too long: may not be more than 1024 bytes",
		},
		{
			path: path + "Base64", demand: "maxLength", accept: set(field+"Base64", encoded(1024)), refuse: set(field+"Base64", encoded(1027)),
			message: path + "Base64: Too long: may not be more than 1368 bytes",
		},
	}
}

// seconds is a duration of so many seconds and 32 bytes.
func seconds(n int) string { return strings.Repeat("0s", 14) + fmt.Sprintf("%03ds", n) }

func healthBounds() []bound {
	const accrual, check = "spec.failureAccrual.", "spec.healthCheck."
	return slices.Concat(
		between(accrual+"consecutiveFailures", "failureAccrual", 0, 1000),
		between(accrual+"panicThreshold", "failureAccrual", 0, 100),
		span(accrual+"minPenalty", "failureAccrual", "minPenalty must be a duration from 10ms to 1h, such as 500ms or 5s", "10ms", "1h1ms", seconds(1)),
		span(accrual+"maxPenalty", "failureAccrual", "maxPenalty must be a duration from 10ms to 24h, such as 30s or 5m", "24h", "9ms", seconds(60)),
		span(accrual+"earlyClose", "failureAccrual", "earlyClose must be a duration from 0s to 1m, such as 100ms; 0s means that none counts", "1m", "61s", seconds(0)),
		[]bound{{
			path: "spec.failureAccrual", demand: "maxPenalty must not be less than minPenalty",
			accept: `failureAccrual: {minPenalty: 1h}`, refuse: `failureAccrual: {minPenalty: 10s, maxPenalty: 9s}`,
		}},
		between(check+"unhealthyThreshold", "healthCheck", 1, 100),
		between(check+"healthyThreshold", "healthCheck", 1, 100),
		span(check+"interval", "healthCheck", "interval must be a duration from 100ms to 1h, such as 5s", "100ms", "99ms", seconds(5)),
		span(check+"timeout", "healthCheck", "timeout must be a duration from 10ms to 1m, such as 500ms", "1m", "9ms", seconds(1)),
		exchanged("send"), exchanged("expect"),
		[]bound{{
			path: "spec.healthCheck", demand: "set at most one of send and sendBase64, and of expect and expectBase64",
			accept: `healthCheck: {send: a, expectBase64: AAEC}`, refuse: `healthCheck: {send: a, sendBase64: AAEC}`,
		}},
		between("spec.endpointLimits.maxConnections", "endpointLimits", 1, 1_000_000),
		between("spec.endpointLimits.maxPending", "endpointLimits", 1, 1_000_000),
	)
}
