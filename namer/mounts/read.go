// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package mounts is the list of namers in the configuration of linkerd, namerd and
// wye-proxy: Read takes it from a document, and Open makes the namers.
package mounts

import (
	"encoding/json"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
)

// Kinds of namers that can be configured.
const (
	KindFS      = "io.l5d.fs"
	KindRewrite = "io.l5d.rewrite"
)

// Namer is one service-discovery backend, as configured.
type Namer struct {
	Kind    string    // KindFS or KindRewrite
	Prefix  dtab.Path // without the /# in front of it
	RootDir string    // of KindFS
	Pattern string    // of KindRewrite
	Name    string    // of KindRewrite

	place document.Place // of its prefix, or its own
}

// Mount is where the namer is mounted.
func (n Namer) Mount() dtab.Path { return append(dtab.Path{"#"}, n.Prefix...) }

// MarshalJSON gives the form in which a namer is read.
func (n Namer) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind    string `json:"kind"`
		Prefix  string `json:"prefix"`
		RootDir string `json:"rootDir,omitempty"`
		Pattern string `json:"pattern,omitempty"`
		Name    string `json:"name,omitempty"`
	}{n.Kind, n.Prefix.String(), n.RootDir, n.Pattern, n.Name})
}

// Read reads the list of namers. It means nothing if the document has failed.
func Read(d *document.Document, n *yaml.Node) []Namer {
	r := &reader{Document: d}
	for _, n := range d.Items(n, "namers") {
		r.namer(n)
	}
	r.overlaps()
	return r.namers
}

type reader struct {
	*document.Document
	namers []Namer
}

func (r *reader) namer(n *yaml.Node) {
	switch kind, at := r.Kind(n, "a namer"); {
	case kind == KindFS:
		r.fs(n)
	case kind == KindRewrite:
		r.rewrite(n)
	case kind == "":
	case others(kind):
		r.Fail(at, "namer %s is not offered, only %s and %s are", kind, KindFS, KindRewrite)
	default:
		r.Fail(at, "unknown kind %q of namer: known are %s, %s", kind, KindFS, KindRewrite)
	}
}

// others are namers of linkerd that are not offered.
func others(kind string) bool {
	return slices.Contains([]string{
		"io.l5d.k8s", "io.l5d.k8s.external", "io.l5d.k8s.ns", "io.l5d.k8s.istio", "io.l5d.serversets", "io.l5d.consul",
		"io.l5d.marathon", "io.l5d.dnssrv", "io.l5d.zkLeader", "io.l5d.curator", "io.l5d.rancher",
	}, kind)
}

func (r *reader) fs(n *yaml.Node) {
	namer := Namer{Kind: KindFS, Prefix: dtab.Path{KindFS}, place: document.PlaceOf(n)}
	found := r.Fields(n, "namer "+KindFS,
		document.Field{Key: "kind"},
		document.Field{Key: "prefix", Read: r.prefix(&namer)},
		document.Field{Key: "rootDir", Read: r.Into(&namer.RootDir, "rootDir")},
	)
	r.Need(n, found, "namer "+KindFS, "rootDir")
	r.namers = append(r.namers, namer)
}

func (r *reader) rewrite(n *yaml.Node) {
	namer := Namer{Kind: KindRewrite, place: document.PlaceOf(n)}
	found := r.Fields(n, "namer "+KindRewrite,
		document.Field{Key: "kind"},
		document.Field{Key: "prefix", Read: r.prefix(&namer)},
		document.Field{Key: "pattern", Read: r.Into(&namer.Pattern, "pattern")},
		document.Field{Key: "name", Read: r.Into(&namer.Name, "name")},
	)
	r.Need(n, found, "namer "+KindRewrite, "prefix", "pattern", "name")
	r.namers = append(r.namers, namer)
}

func (r *reader) prefix(namer *Namer) func(*yaml.Node) {
	return func(n *yaml.Node) {
		namer.place = document.PlaceOf(n)
		text, ok := r.Text(n, "prefix")
		if !ok {
			return
		}
		path, err := dtab.ParsePath(text)
		if err != nil {
			r.Fail(document.PlaceOf(n), "prefix: %v", err)
		}
		namer.Prefix = path
	}
}

// overlaps refuses namers of which one would hide the other.
func (r *reader) overlaps() {
	for i, n := range r.namers {
		for _, other := range r.namers[:i] {
			if len(n.Prefix) == 0 || len(other.Prefix) == 0 {
				continue // its mistake is told already
			}
			if n.Prefix.HasPrefix(other.Prefix) || other.Prefix.HasPrefix(n.Prefix) {
				r.Fail(n.place, "the prefixes of two namers overlap: %s, and %s in line %d", n.Prefix, other.Prefix, other.place.Line)
			}
		}
	}
}
