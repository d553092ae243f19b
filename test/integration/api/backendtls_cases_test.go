// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"
	"strings"
)

// reachBounds are those of how backends are reached, of a route and of one backend.
func reachBounds() []bound {
	ofRoute := func(field, value string) string { return field + ": " + value }
	ofBackend := func(field, value string) string {
		return backends(`{name: a, dst: /svc/a, ` + field + `: ` + value + `}`)
	}
	return slices.Concat(
		backendTLSBounds("spec.backendTLS", func(value string) string { return ofRoute("backendTLS", value) }),
		backendTLSBounds("spec.backends.tls", func(value string) string { return ofBackend("tls", value) }),
		[]bound{
			{
				path: "spec.proxyProtocol", demand: "enum",
				accept: ofRoute("proxyProtocol", "V1"), refuse: ofRoute("proxyProtocol", "v1"),
				message: `spec.proxyProtocol: Unsupported value: "v1"`,
			},
			{
				path: "spec.backends.proxyProtocol", demand: "enum",
				accept: ofBackend("proxyProtocol", "V2"), refuse: ofBackend("proxyProtocol", "V3"),
				message: `spec.backends[0].proxyProtocol: Unsupported value: "V3"`,
			},
		},
	)
}

// backendTLSBounds are those of TLS to backends at a place; set makes a spec of it.
func backendTLSBounds(path string, set func(value string) string) []bound {
	at := strings.ReplaceAll(path, "backends.", "backends[0].") // in messages
	with := func(fields string) string {
		return set(`{hostname: a, wellKnownCACertificates: System, ` + fields + `}`)
	}
	by := func(refs string) string { return set(`{hostname: a, caCertificateRefs: ` + refs + `}`) }
	named := func(name string) string { return set(`{hostname: "` + name + `", wellKnownCACertificates: System}`) }
	bounds := []bound{
		{
			path: path, demand: "set hostname to the name that backends' certificates have, or list subjectAltNames",
			accept: set(`{subjectAltNames: [a], wellKnownCACertificates: System}`), refuse: set(`{wellKnownCACertificates: System}`),
		},
		{
			path: path, demand: "set exactly one of caCertificateRefs and wellKnownCACertificates: System",
			accept: by(`[{name: a}]`), refuse: set(`{hostname: a, caCertificateRefs: [{name: a}], wellKnownCACertificates: System}`),
		},
		{
			path: path + ".hostname", demand: "minLength", accept: named("a"), refuse: named(""),
			message: at + ".hostname in body should be at least 1 chars long",
		},
		{
			path: path + ".hostname", demand: "maxLength", accept: named(chars(253)), refuse: named(chars(254)),
			message: at + ".hostname: Too long: may not be more than 253 bytes",
		},
		{
			path: path + ".hostname", demand: "pattern", accept: named("a-b.example.com"), refuse: named("*.example.com"),
			message: at + ".hostname in body should match",
		},
		{
			path: path + ".wellKnownCACertificates", demand: "enum",
			accept: with(`minVersion: "1.2"`), refuse: set(`{hostname: a, wellKnownCACertificates: All}`),
			message: at + `.wellKnownCACertificates: Unsupported value: "All"`,
		},
		{
			path: path + ".minVersion", demand: "enum", accept: with(`minVersion: "1.3"`), refuse: with(`minVersion: "1.1"`),
			message: at + `.minVersion: Unsupported value: "1.1"`,
		},
		{
			path: path + ".alpnProtocols", demand: "a protocol is named twice",
			accept: with(`alpnProtocols: [h2, http/1.1]`), refuse: with(`alpnProtocols: [h2, h2]`),
		},
		{
			path: path + ".caCertificateRefs.kind", demand: "enum", accept: by(`[{kind: Secret, name: a}]`), refuse: by(`[{kind: Service, name: a}]`),
			message: at + `.caCertificateRefs[0].kind: Unsupported value: "Service"`,
		},
	}
	list := func(field, item string, most int, make func(list string) string) {
		bounds = append(bounds,
			bound{
				path: path + "." + field, demand: "minItems", accept: make(items(1, item)), refuse: make(`[]`),
				message: at + "." + field + " in body should have at least 1 items",
			},
			bound{
				path: path + "." + field, demand: "maxItems", accept: make(items(most, item)), refuse: make(items(most+1, item)),
				message: at + "." + field + ": Too many",
			},
		)
	}
	text := func(field, place string, most int, make func(text string) string) {
		bounds = append(bounds,
			bound{
				path: path + "." + field, demand: "minLength", accept: make("a"), refuse: make(`""`),
				message: at + "." + place + " in body should be at least 1 chars long",
			},
			bound{
				path: path + "." + field, demand: "maxLength", accept: make(chars(most)), refuse: make(chars(most + 1)),
				message: at + "." + place + ": Too long",
			},
		)
	}
	name := func(field, place string, make func(ref string) string) {
		text(field+".name", place+".name", 253, func(text string) string { return make(`{name: ` + text + `}`) })
		bounds = append(bounds, bound{
			path: path + "." + field + ".name", demand: "required", accept: make(`{name: a}`), refuse: make(`{}`),
			message: at + "." + place + ".name: Required value",
		})
	}
	list("caCertificateRefs", `{name: a%d}`, 8, by)
	list("subjectAltNames", `a%d`, 64, func(list string) string { return with(`subjectAltNames: ` + list) })
	list("alpnProtocols", `p%d`, 16, func(list string) string { return with(`alpnProtocols: ` + list) })
	text("subjectAltNames", "subjectAltNames[0]", 2048, func(text string) string { return with(`subjectAltNames: [` + text + `]`) })
	text("alpnProtocols", "alpnProtocols[0]", 255, func(text string) string { return with(`alpnProtocols: [` + text + `]`) })
	name("caCertificateRefs", "caCertificateRefs[0]", func(ref string) string { return by(`[` + ref + `]`) })
	name("clientCertificateRef", "clientCertificateRef", func(ref string) string { return with(`clientCertificateRef: ` + ref) })
	return bounds
}
