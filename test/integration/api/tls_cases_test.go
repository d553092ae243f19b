// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
)

var tlsBounds = []bound{
	{
		path:   "spec.tls",
		demand: "where TLS ends (mode Terminate, which is the default), certificateRefs must name at least one Secret of type kubernetes.io/tls",
		accept: `tls: {certificateRefs: [{name: a}]}`,
		refuse: `tls: {}`,
	},
	{
		path:   "spec.tls",
		demand: "with mode Passthrough the backend ends TLS, so certificateRefs, alpnProtocols, minVersion and clientValidation mean nothing here; leave them out",
		accept: `tls: {mode: Passthrough}`,
		refuse: `tls: {mode: Passthrough, minVersion: "1.3"}`,
	},
	{
		path:    "spec.tls.mode",
		demand:  "enum",
		accept:  `tls: {mode: Terminate, certificateRefs: [{name: a}]}`,
		refuse:  `tls: {mode: Ended, certificateRefs: [{name: a}]}`,
		message: `spec.tls.mode: Unsupported value: "Ended"`,
	},
	{
		path:    "spec.tls.certificateRefs",
		demand:  "minItems",
		accept:  `tls: {certificateRefs: [{name: a}]}`,
		refuse:  `tls: {certificateRefs: []}`,
		message: "spec.tls.certificateRefs in body should have at least 1 items",
	},
	{
		path:    "spec.tls.certificateRefs",
		demand:  "maxItems",
		accept:  `tls: {certificateRefs: ` + items(16, `{name: a%d}`) + `}`,
		refuse:  `tls: {certificateRefs: ` + items(17, `{name: a%d}`) + `}`,
		message: "spec.tls.certificateRefs: Too many: 17: must have at most 16 items",
	},
	{
		path:   "spec.tls.certificateRefs",
		demand: "a Secret is named twice",
		accept: `tls: {certificateRefs: [{name: a}, {name: b}]}`,
		refuse: `tls: {certificateRefs: [{name: a}, {name: a}]}`,
	},
	{
		path:    "spec.tls.certificateRefs.name",
		demand:  "required",
		accept:  `tls: {certificateRefs: [{name: a}]}`,
		refuse:  `tls: {certificateRefs: [{}]}`,
		message: "spec.tls.certificateRefs[0].name: Required value",
	},
	{
		path:    "spec.tls.certificateRefs.name",
		demand:  "minLength",
		accept:  `tls: {certificateRefs: [{name: a}]}`,
		refuse:  `tls: {certificateRefs: [{name: ""}]}`,
		message: "spec.tls.certificateRefs[0].name in body should be at least 1 chars long",
	},
	{
		path:    "spec.tls.certificateRefs.name",
		demand:  "maxLength",
		accept:  `tls: {certificateRefs: [{name: ` + chars(253) + `}]}`,
		refuse:  `tls: {certificateRefs: [{name: ` + chars(254) + `}]}`,
		message: "spec.tls.certificateRefs[0].name: Too long: may not be more than 253 bytes",
	},
	{
		path:    "spec.tls.alpnProtocols",
		demand:  "minItems",
		accept:  `tls: {certificateRefs: [{name: a}], alpnProtocols: [h2]}`,
		refuse:  `tls: {certificateRefs: [{name: a}], alpnProtocols: []}`,
		message: "spec.tls.alpnProtocols in body should have at least 1 items",
	},
	{
		path:    "spec.tls.alpnProtocols",
		demand:  "maxItems",
		accept:  `tls: {certificateRefs: [{name: a}], alpnProtocols: ` + items(16, `p%d`) + `}`,
		refuse:  `tls: {certificateRefs: [{name: a}], alpnProtocols: ` + items(17, `p%d`) + `}`,
		message: "spec.tls.alpnProtocols: Too many: 17: must have at most 16 items",
	},
	{
		path:   "spec.tls.alpnProtocols",
		demand: "a protocol is named twice",
		accept: `tls: {certificateRefs: [{name: a}], alpnProtocols: [h2, http/1.1]}`,
		refuse: `tls: {certificateRefs: [{name: a}], alpnProtocols: [h2, h2]}`,
	},
	{
		path:    "spec.tls.alpnProtocols",
		demand:  "minLength",
		accept:  `tls: {certificateRefs: [{name: a}], alpnProtocols: [a]}`,
		refuse:  `tls: {certificateRefs: [{name: a}], alpnProtocols: [""]}`,
		message: "spec.tls.alpnProtocols[0] in body should be at least 1 chars long",
	},
	{
		path:    "spec.tls.alpnProtocols",
		demand:  "maxLength",
		accept:  `tls: {certificateRefs: [{name: a}], alpnProtocols: [` + chars(255) + `]}`,
		refuse:  `tls: {certificateRefs: [{name: a}], alpnProtocols: [` + chars(256) + `]}`,
		message: "spec.tls.alpnProtocols[0]: Too long: may not be more than 255 bytes",
	},
	{
		path:    "spec.tls.minVersion",
		demand:  "enum",
		accept:  `tls: {certificateRefs: [{name: a}], minVersion: "1.2"}`,
		refuse:  `tls: {certificateRefs: [{name: a}], minVersion: "1.1"}`,
		message: `spec.tls.minVersion: Unsupported value: "1.1"`,
	},
	{
		path:    "spec.tls.clientValidation.mode",
		demand:  "enum",
		accept:  validation(`mode: Optional, caCertificateRefs: [{name: a}]`),
		refuse:  validation(`mode: Maybe, caCertificateRefs: [{name: a}]`),
		message: `spec.tls.clientValidation.mode: Unsupported value: "Maybe"`,
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs",
		demand:  "required",
		accept:  validation(`caCertificateRefs: [{name: a}]`),
		refuse:  validation(`mode: Required`),
		message: "spec.tls.clientValidation.caCertificateRefs: Required value",
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs",
		demand:  "minItems",
		accept:  validation(`caCertificateRefs: [{name: a}]`),
		refuse:  validation(`caCertificateRefs: []`),
		message: "spec.tls.clientValidation.caCertificateRefs in body should have at least 1 items",
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs",
		demand:  "maxItems",
		accept:  validation(`caCertificateRefs: ` + items(8, `{name: a%d}`)),
		refuse:  validation(`caCertificateRefs: ` + items(9, `{name: a%d}`)),
		message: "spec.tls.clientValidation.caCertificateRefs: Too many: 9: must have at most 8 items",
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs.kind",
		demand:  "enum",
		accept:  validation(`caCertificateRefs: [{kind: Secret, name: a}]`),
		refuse:  validation(`caCertificateRefs: [{kind: Service, name: a}]`),
		message: `spec.tls.clientValidation.caCertificateRefs[0].kind: Unsupported value: "Service"`,
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs.name",
		demand:  "required",
		accept:  validation(`caCertificateRefs: [{name: a}]`),
		refuse:  validation(`caCertificateRefs: [{kind: Secret}]`),
		message: "spec.tls.clientValidation.caCertificateRefs[0].name: Required value",
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs.name",
		demand:  "minLength",
		accept:  validation(`caCertificateRefs: [{name: a}]`),
		refuse:  validation(`caCertificateRefs: [{name: ""}]`),
		message: "spec.tls.clientValidation.caCertificateRefs[0].name in body should be at least 1 chars long",
	},
	{
		path:    "spec.tls.clientValidation.caCertificateRefs.name",
		demand:  "maxLength",
		accept:  validation(`caCertificateRefs: [{name: ` + chars(253) + `}]`),
		refuse:  validation(`caCertificateRefs: [{name: ` + chars(254) + `}]`),
		message: "spec.tls.clientValidation.caCertificateRefs[0].name: Too long: may not be more than 253 bytes",
	},
	{
		path:    "spec.tls.clientValidation.subjectAltNames",
		demand:  "minItems",
		accept:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: [a]`),
		refuse:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: []`),
		message: "spec.tls.clientValidation.subjectAltNames in body should have at least 1 items",
	},
	{
		path:    "spec.tls.clientValidation.subjectAltNames",
		demand:  "maxItems",
		accept:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: ` + items(64, `a%d`)),
		refuse:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: ` + items(65, `a%d`)),
		message: "spec.tls.clientValidation.subjectAltNames: Too many: 65: must have at most 64 items",
	},
	{
		path:    "spec.tls.clientValidation.subjectAltNames",
		demand:  "minLength",
		accept:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: [a]`),
		refuse:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: [""]`),
		message: "spec.tls.clientValidation.subjectAltNames[0] in body should be at least 1 chars long",
	},
	{
		path:    "spec.tls.clientValidation.subjectAltNames",
		demand:  "maxLength",
		accept:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: [` + chars(2048) + `]`),
		refuse:  validation(`caCertificateRefs: [{name: a}], subjectAltNames: [` + chars(2049) + `]`),
		message: "spec.tls.clientValidation.subjectAltNames[0]: Too long: may not be more than 2048 bytes",
	},
}

// validation is TLS that asks for certificates of clients.
func validation(fields string) string {
	return `tls: {certificateRefs: [{name: a}], clientValidation: {` + fields + `}}`
}

// items is a list of n items, in which %d is the number of each.
func items(n int, item string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(item, i)
	}
	return "[" + strings.Join(list, ", ") + "]"
}
