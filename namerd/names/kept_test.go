// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package names

import (
	"fmt"
	"testing"

	"github.com/wye-dev/wye/dtab"
)

func TestTheNamesAskedForLastAreKept(t *testing.T) {
	wanted := map[string]bool{}
	k := kept{want: func(consumer string, paths []dtab.Path) { wanted[consumer] = len(paths) > 0 }}
	name := func(i int) dtab.Path { return dtab.Path{"#", fmt.Sprint(i)} }
	for i := range keptNames + 10 {
		k.touch([]dtab.Path{name(i), name(0)})
	}
	kept := 0
	for _, is := range wanted {
		if is {
			kept++
		}
	}
	if kept != keptNames || !wanted[consumer(name(0).String())] || wanted[consumer(name(1).String())] {
		t.Errorf("%d names are kept, the first %v, the second %v", kept, wanted[consumer("/#/0")], wanted[consumer("/#/1")])
	}
}
