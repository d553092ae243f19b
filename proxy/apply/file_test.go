// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func encoded(t testing.TB, fleet string, config *pushv1.Config) []byte {
	t.Helper()
	data, err := Encode(fleet, config)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSavedConfigComesBackTheSame(t *testing.T) {
	file := filepath.Join(t.TempDir(), "not", "there yet", savedName)
	for generation := uint64(1); generation <= 2; generation++ {
		want := held()
		want.Generation, want.Retained = generation, []string{"b"}
		if err := writeFile(file, encoded(t, "ns/edge", want)); err != nil {
			t.Fatal(err)
		}
		got, err := load(file, "ns/edge")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("generation %d came back as another (-want +got):\n%s", generation, diff)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode is %o, want 600: the file will hold private keys", got)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v (error %v) beside the file, want nothing", entries, err)
	}
}

func TestSavedConfigThatCannotBeTrustedIsAnError(t *testing.T) {
	good := encoded(t, "ns/edge", held())
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	renamed := bytes.Replace(good, []byte("ns/edge"), []byte("ns/egde"), 1)
	tests := []struct {
		name string
		data []byte
		want error // nil: any
	}{
		{name: "empty", data: nil, want: errNotConfig},
		{name: "cut short", data: good[:len(good)-1], want: errChecksum},
		{name: "cut in the first line", data: good[:20], want: errNotConfig},
		{name: "a flipped bit", data: flipped, want: errChecksum},
		{name: "a changed fleet", data: renamed, want: errChecksum},
		{name: "a newer layout", data: bytes.Replace(good, []byte("wye-config 1"), []byte("wye-config 2"), 1), want: errNotConfig},
		{name: "something else", data: []byte("listeners:\n- port: 80\n"), want: errNotConfig},
		{name: "another fleet's", data: encoded(t, "ns/other", held())},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), savedName)
			if err := os.WriteFile(file, test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := load(file, "ns/edge")
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got error %v, want %v", err, test.want)
			}
		})
	}
}

func TestSavedConfigThatIsNotThereIsToldApart(t *testing.T) {
	if _, err := load(filepath.Join(t.TempDir(), savedName), "ns/edge"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want %v", err, fs.ErrNotExist)
	}
}

func TestReadFileStopsAtItsLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, make([]byte, 11), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := readFile(file, 11); err != nil || len(data) != 11 {
		t.Errorf("a file at the limit: %d bytes, error %v", len(data), err)
	}
	if _, err := readFile(file, 10); err == nil {
		t.Error("a file over the limit was read")
	}
}
