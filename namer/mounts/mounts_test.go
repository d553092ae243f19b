// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package mounts_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/document"
	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/mounts"
)

func read(t *testing.T, text string) ([]mounts.Namer, error) {
	t.Helper()
	d, root, err := document.Open("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return mounts.Read(d, root), d.Err()
}

func TestNamersAreReadAndShown(t *testing.T) {
	list, err := read(t, "- {kind: io.l5d.fs, rootDir: disco}\n- {kind: io.l5d.rewrite, prefix: /r, pattern: '/{x}', name: '/{x}'}")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"kind":"io.l5d.fs","prefix":"/io.l5d.fs","rootDir":"disco"},{"kind":"io.l5d.rewrite","prefix":"/r","pattern":"/{x}","name":"/{x}"}]`
	if diff := cmp.Diff(want, string(shown)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsWrongWithOneNamerIsNotSaidOfAnother(t *testing.T) {
	_, err := read(t, "- {kind: io.l5d.rewrite, prefix: r, pattern: /, name: /}\n- {kind: io.l5d.fs, rootDir: a}\n- {kind: io.l5d.fs, prefix: /io.l5d.fs/x, rootDir: a}")
	want := "f:1:34: prefix: '/' expected but 'r' found at '[r]'\nf:3:29: the prefixes of two namers overlap: /io.l5d.fs/x, and /io.l5d.fs in line 2"
	if err == nil || err.Error() != want {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, err.Error()))
	}
}

func TestOpenNamersAnswer(t *testing.T) {
	disco := t.TempDir()
	if err := os.WriteFile(filepath.Join(disco, "web"), []byte("10.0.0.1 80"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := mounts.Open([]mounts.Namer{
		{Kind: mounts.KindFS, Prefix: dtab.Path{"fs"}, RootDir: disco},
		{Kind: mounts.KindRewrite, Prefix: dtab.Path{"r"}, Pattern: "/{x}", Name: "/#/fs/{x}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{}, 100)
	table, err := namer.NewTable(func(string) { changed <- struct{}{} }, set.Mounts...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = set.Run(ctx) })
	defer running.Wait()
	defer cancel()
	wanted := []dtab.Path{{"#", "r", "web"}, {"#", "fs", "web"}, {"$", "inet", "127.1", "80"}}
	table.Want("test", wanted)
	limit := time.After(20 * time.Second)
	for known := 0; known < len(wanted); {
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%d of %d names are known", known, len(wanted))
		}
		known = 0
		for _, path := range wanted {
			if state, ok := table.View().State(path); ok && state.Tree.Kind == dtab.Leaf {
				known++
			}
		}
	}
}

func TestWhatCannotBeOpenedIsAMistake(t *testing.T) {
	for _, n := range []mounts.Namer{
		{Kind: mounts.KindFS, Prefix: dtab.Path{"fs"}, RootDir: filepath.Join(t.TempDir(), "nowhere")},
		{Kind: mounts.KindRewrite, Prefix: dtab.Path{"r"}, Pattern: "x", Name: "/"},
	} {
		if _, err := mounts.Open([]mounts.Namer{n}); err == nil {
			t.Errorf("%+v: no error", n)
		}
	}
}
