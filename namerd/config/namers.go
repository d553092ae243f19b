// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/dtab"
)

// others are namers of linkerd that are not offered.
func others(kind string) bool {
	return slices.Contains([]string{
		"io.l5d.k8s", "io.l5d.k8s.external", "io.l5d.k8s.ns", "io.l5d.k8s.istio", "io.l5d.serversets", "io.l5d.consul",
		"io.l5d.marathon", "io.l5d.dnssrv", "io.l5d.zkLeader", "io.l5d.curator", "io.l5d.rancher",
	}, kind)
}

func (r *reader) namers(n *yaml.Node) {
	for _, n := range r.items(n, "namers") {
		switch kind, at := r.kind(n, "a namer"); {
		case kind == KindFS:
			r.fs(n)
		case kind == KindRewrite:
			r.rewrite(n)
		case kind == "":
		case others(kind):
			r.fail(at, "namer %s is not offered, only %s and %s are", kind, KindFS, KindRewrite)
		default:
			r.fail(at, "unknown kind %q of namer: known are %s, %s", kind, KindFS, KindRewrite)
		}
	}
}

func (r *reader) fs(n *yaml.Node) {
	namer := Namer{Kind: KindFS, Prefix: dtab.Path{KindFS}, place: placeOf(n)}
	found := r.fields(n, "namer "+KindFS,
		field{"kind", nil},
		field{"prefix", r.prefix(&namer)},
		field{"rootDir", r.textInto(&namer.RootDir, "rootDir")},
	)
	r.need(n, found, "namer "+KindFS, "rootDir")
	r.config.Namers = append(r.config.Namers, namer)
}

func (r *reader) rewrite(n *yaml.Node) {
	namer := Namer{Kind: KindRewrite, place: placeOf(n)}
	found := r.fields(n, "namer "+KindRewrite,
		field{"kind", nil},
		field{"prefix", r.prefix(&namer)},
		field{"pattern", r.textInto(&namer.Pattern, "pattern")},
		field{"name", r.textInto(&namer.Name, "name")},
	)
	r.need(n, found, "namer "+KindRewrite, "prefix", "pattern", "name")
	r.config.Namers = append(r.config.Namers, namer)
}

func (r *reader) prefix(namer *Namer) func(*yaml.Node) {
	return func(n *yaml.Node) {
		namer.place = placeOf(n)
		text, ok := r.text(n, "prefix")
		if !ok {
			return
		}
		path, err := dtab.ParsePath(text)
		if err != nil {
			r.fail(placeOf(n), "prefix: %v", err)
		}
		namer.Prefix = path
	}
}

func (r *reader) textInto(value *string, what string) func(*yaml.Node) {
	return func(n *yaml.Node) { *value, _ = r.text(n, what) }
}

// need tells which keys are missing.
func (r *reader) need(n *yaml.Node, found map[string]place, what string, keys ...string) {
	for _, key := range keys {
		if _, ok := found[key]; !ok {
			r.fail(placeOf(follow(n)), "%s needs %s", what, key)
		}
	}
}

// overlaps refuses namers of which one would hide the other.
func (r *reader) overlaps() {
	for i, n := range r.config.Namers {
		for _, other := range r.config.Namers[:i] {
			if n.Prefix.HasPrefix(other.Prefix) || other.Prefix.HasPrefix(n.Prefix) {
				r.fail(n.place, "the prefixes of two namers overlap: %s, and %s in line %d", n.Prefix, other.Prefix, other.place.line)
			}
		}
	}
}
