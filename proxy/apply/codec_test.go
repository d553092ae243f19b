// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, "ns/edge", held()))
	f.Add([]byte(fileMagic + "\n\n"))
	f.Add(encoded(f, "", &pushv1.Config{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet, config, err := Decode(data)
		if err != nil {
			return
		}
		again, decoded, err := Decode(encoded(t, fleet, config))
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		if diff := cmp.Diff(config, decoded, protocmp.Transform()); diff != "" || again != fleet {
			t.Errorf("fleet %q is %q, config differs:\n%s", fleet, again, diff)
		}
	})
}

// FuzzDecodeBehindTheChecksum gets the fuzzer past the checksum, to what a
// writer with bad intent could have written.
func FuzzDecodeBehindTheChecksum(f *testing.F) {
	message, err := proto.Marshal(held())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Fuzz(func(t *testing.T, message []byte) {
		config := &pushv1.Config{}
		if proto.Unmarshal(message, config) != nil {
			return
		}
		s := state{config: config}
		retained := []string{}
		for _, r := range config.GetRoutes() {
			retained = append(retained, r.GetName())
		}
		next, err := s.Next(&pushv1.Update{Generation: 1, Full: true, Retained: retained})
		if err != nil {
			t.Fatal(err)
		}
		if got, most := len(next.config.GetPools()), len(config.GetPools()); got > most {
			t.Errorf("%d pools kept of %d", got, most)
		}
	})
}
