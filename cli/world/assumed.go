// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

// Package world answers for concrete names once, where the operator follows them:
// from the Services of a cluster, or, without one, by taking it that they exist.
package world

import (
	"net/netip"
	"slices"

	"github.com/wye-dev/wye/cli/explain"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/k8s"
)

// Assumed takes it that every concrete name exists but those given.
type Assumed struct {
	Missing []dtab.Path // and all names below them
}

// Lookup makes Assumed a dtab.Namers.
func (a Assumed) Lookup(path dtab.Path) (dtab.Tree[dtab.Name], error) {
	if a.missing(path) {
		return dtab.Tree[dtab.Name]{}, nil
	}
	return bound(path), nil
}

// Fact makes Assumed an explain.World.
func (a Assumed) Fact(path dtab.Path) explain.Fact {
	switch {
	case a.missing(path):
		return explain.Fact{Text: "taken not to exist"}
	case path[0] == "$":
		return system(path)
	}
	return explain.Fact{Text: "taken to exist"}
}

func (a Assumed) missing(path dtab.Path) bool {
	return slices.ContainsFunc(a.Missing, path.HasPrefix)
}

// bound is a name that exists. The id of a Service's name ends with the Service;
// what follows others is taken as part of them.
func bound(path dtab.Path) dtab.Tree[dtab.Name] {
	id := len(path)
	if _, ok := k8s.ServiceOf(path); ok {
		id = len(dtab.Path{"#", "io.l5d.k8s", "namespace", "port", "service"})
	}
	return dtab.Tree[dtab.Name]{Kind: dtab.Leaf, Leaf: dtab.Name{
		Bound: &dtab.Bound{ID: path[:id:id], Residual: path[id:]},
	}}
}

// system is what is known of a name below /$/.
func system(path dtab.Path) explain.Fact {
	if len(path) < 3 || path[1] != "inet" && path[1] != "fixedinet" {
		return explain.Fact{Text: "a system name"}
	}
	if _, err := netip.ParseAddr(path[2]); err == nil {
		return explain.Fact{Text: "an address"}
	}
	return explain.Fact{Text: "a host, by DNS"}
}
