// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"testing"

	"github.com/wye-dev/wye/proxy/apply"
)

func TestTheZoneIsTheFlagsOrElseThePods(t *testing.T) {
	for _, test := range []struct{ flag, pod, want string }{
		{"", "", ""}, // a pod without the label has an empty POD_ZONE
		{"", "north", "north"},
		{"south", "north", "south"},
	} {
		t.Setenv("POD_ZONE", test.pod)
		s := settings{
			zone: test.flag, adminAddr: "127.0.0.1:0", logLevel: "info", logFormat: "text",
			config: apply.Options{Controller: "c:1", ServerName: "c", Namespace: "n", Fleet: "f", Pod: "p", CAFile: "c", TokenFile: "t"},
		}
		o, err := s.options(io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if o.Zone != test.want {
			t.Errorf("--zone %q, POD_ZONE=%q: zone %q, want %q", test.flag, test.pod, o.Zone, test.want)
		}
	}
}
