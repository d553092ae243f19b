// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pushv1 "github.com/wye-dev/wye/api/push/v1"
)

func encoded(t testing.TB, fleet string, config *pushv1.Config) []byte {
	t.Helper()
	data, err := pushv1.EncodeSaved(fleet, config)
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

func TestSavedConfigThatCannotBeUsedIsAnError(t *testing.T) {
	good := encoded(t, "ns/edge", held())
	for name, data := range map[string][]byte{
		"empty":           nil,
		"cut short":       good[:len(good)-1],
		"another fleet's": encoded(t, "ns/other", held()),
	} {
		file := filepath.Join(t.TempDir(), savedName)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(file, "ns/edge"); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got error %v, want one that names the file", name, err)
		}
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

// FuzzSavedConfigAsBase builds on configs that no controller would have stated.
func FuzzSavedConfigAsBase(f *testing.F) {
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
		retained := []string{}
		for _, r := range config.GetRoutes() {
			retained = append(retained, r.GetName())
		}
		next, err := state{config: config}.Next(&pushv1.Update{Generation: 1, Full: true, Retained: retained})
		if err != nil {
			t.Fatal(err)
		}
		if got, most := len(next.config.GetPools()), len(config.GetPools()); got > most {
			t.Errorf("%d pools kept of %d", got, most)
		}
	})
}
