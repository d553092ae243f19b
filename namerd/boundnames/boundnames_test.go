// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package boundnames_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namerd/boundnames"
)

// A volume of a ConfigMap, with a directory, a pipe's worth of nonsense, and links
// that lead nowhere or out.
func TestNamesAreWhatFileNamersAnswerFor(t *testing.T) {
	dir := t.TempDir()
	must(t, errors.Join(
		os.MkdirAll(filepath.Join(dir, "..2026"), 0o700),
		os.Symlink("..2026", filepath.Join(dir, "..data")),
		os.WriteFile(filepath.Join(dir, "..2026", "redis"), nil, 0o600),
		os.Symlink("..data/redis", filepath.Join(dir, "redis")),
		os.Mkdir(filepath.Join(dir, "web"), 0o700),
		os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600),
		os.Symlink("nothing", filepath.Join(dir, "broken")),
		os.Symlink("/etc/hosts", filepath.Join(dir, "outside")),
	))
	files := boundnames.New(
		boundnames.Root{Dir: dir, Prefix: dtab.Path{"#", "io.l5d.fs"}},
		boundnames.Root{Dir: filepath.Join(dir, "web"), Prefix: dtab.Path{"#", "a"}},
		boundnames.Root{Dir: filepath.Join(dir, "missing"), Prefix: dtab.Path{"#", "b"}},
	)
	names, changed := files.Names()
	want := []dtab.Path{{"#", "io.l5d.fs", ".hidden"}, {"#", "io.l5d.fs", "redis"}, {"#", "io.l5d.fs", "web"}}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}

	ended := make(chan error, 1)
	go func() { ended <- files.Run(t.Context()) }()
	t.Cleanup(func() { must(t, <-ended) })
	must(t, os.WriteFile(filepath.Join(dir, "web", "x"), nil, 0o600))
	<-changed
	names, _ = files.Names()
	if diff := cmp.Diff(append([]dtab.Path{{"#", "a", "x"}}, want...), names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
