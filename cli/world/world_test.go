// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"testing"

	"github.com/wye-dev/wye/dtab"
)

func TestAssumedNamesExistButThoseGiven(t *testing.T) {
	world := Assumed{Missing: []dtab.Path{dtab.MustParsePath("/#/io.l5d.fs/gone")}}
	tests := []struct{ path, id, fact string }{
		{"/#/io.l5d.fs/redis1", "/#/io.l5d.fs/redis1", "taken to exist"},
		{"/#/io.l5d.fs/gone", "", "taken not to exist"},
		{"/#/io.l5d.fs/gone/below", "", "taken not to exist"},
		{"/#/io.l5d.k8s/prod/redis/redis/rest", "/#/io.l5d.k8s/prod/redis/redis", "taken to exist"},
		{"/$/inet/127.0.0.1/80", "/$/inet/127.0.0.1/80", "an address"},
		{"/$/inet/redis.example.com/80", "/$/inet/redis.example.com/80", "a host, by DNS"},
		{"/$/nil", "/$/nil", "a system name"},
	}
	for _, test := range tests {
		path := dtab.MustParsePath(test.path)
		tree, err := world.Lookup(path)
		id := ""
		if tree.Kind == dtab.Leaf {
			id = tree.Leaf.Bound.ID.String()
		}
		if err != nil || id != test.id || world.Fact(path).Text != test.fact {
			t.Errorf("%s: %q (%s), %v", test.path, id, world.Fact(path).Text, err)
		}
	}
}
