// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package pushv1

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

// sample is a small config.
func sample() *Config {
	return &Config{
		Generation: 4,
		Listeners:  []*Listener{{Name: "tcp/1", Port: 1}},
		Routes: []*Route{{
			Name: "ns/a", Listener: "tcp/1", Hash: "00",
			Tree: &Tree{Kind: &Tree_Leaf{Leaf: &Leaf{Arm: "a", Pool: "/#/a"}}},
		}},
		Pools:    []*Pool{{Name: "/#/a", Endpoints: []*Endpoint{{Address: "10.0.0.1", Port: 80}}}},
		Retained: []string{"ns/a"},
	}
}

func encoded(t testing.TB, fleet string, config *Config) []byte {
	t.Helper()
	data, err := EncodeSaved(fleet, config)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSavedConfigComesBackTheSame(t *testing.T) {
	for _, want := range []*Config{sample(), {}} {
		fleet, got, err := DecodeSaved(encoded(t, "ns/edge", want))
		if err != nil || fleet != "ns/edge" {
			t.Fatalf("fleet %q, error %v", fleet, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("another config came back (-want +got):\n%s", diff)
		}
	}
}

func TestSavedConfigThatCannotBeTrustedIsAnError(t *testing.T) {
	good := encoded(t, "ns/edge", sample())
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrNotSaved},
		{"cut short", good[:len(good)-1], ErrChecksum},
		{"cut in the first line", good[:20], ErrNotSaved},
		{"longer", append(bytes.Clone(good), 0), ErrChecksum},
		{"a flipped bit", flipped, ErrChecksum},
		{"another fleet", bytes.Replace(good, []byte("ns/edge"), []byte("ns/egde"), 1), ErrChecksum},
		{"a newer layout", bytes.Replace(good, []byte("wye-config 1"), []byte("wye-config 2"), 1), ErrNotSaved},
		{"something else", []byte("listeners:\n- port: 80\n"), ErrNotSaved},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := DecodeSaved(test.data); !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
		})
	}
	if _, _, err := DecodeSaved(make([]byte, MaxSaved+1)); err == nil {
		t.Error("what is over the limit was read")
	}
}

func FuzzDecodeSaved(f *testing.F) {
	f.Add(encoded(f, "ns/edge", sample()))
	f.Add([]byte(savedMagic + "\n\n"))
	f.Add(encoded(f, "", &Config{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		fleet, config, err := DecodeSaved(data)
		if err != nil {
			return
		}
		again, decoded, err := DecodeSaved(encoded(t, fleet, config))
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		if diff := cmp.Diff(config, decoded, protocmp.Transform()); diff != "" || again != fleet {
			t.Errorf("fleet %q is %q, config differs:\n%s", fleet, again, diff)
		}
	})
}
