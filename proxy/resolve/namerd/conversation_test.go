// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer/mounts"
	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/inmemory"
	"github.com/wye-dev/wye/proxy/resolve"
)

// TestAConversationWithNamerd holds the client to the server of this repository.
func TestAConversationWithNamerd(t *testing.T) {
	disco := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(disco, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one", "10.0.0.1 1\n")
	write("two", "10.0.0.1 2 * 0.5\n10.0.0.1 3\n")

	store := inmemory.New(map[string]dtab.Dtab{"default": table(t, "/svc => /#/io.l5d.fs/one")})
	namers, err := mounts.Open([]mounts.Namer{{Kind: mounts.KindFS, Prefix: dtab.Path{mounts.KindFS}, RootDir: disco}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = namers.Run(ctx) })
	server, err := namerd.NewServer(namerd.Options{Tables: store, Access: namerd.Everybody(store), Namers: namers.Mounts})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(func() { cancel(); running.Wait() })
	t.Cleanup(web.Close) // before that
	put := func(text string) {
		t.Helper()
		if err := store.Put(ctx, "default", table(t, text), nil); err != nil {
			t.Fatal(err)
		}
	}

	o := follow(t, web.URL, "/svc")
	o.knows("/#/io.l5d.fs/one; /#/io.l5d.fs/one[1]")
	write("one", "10.0.0.1 1\n10.0.0.1 9\n")
	o.knows("/#/io.l5d.fs/one; /#/io.l5d.fs/one[1 9]")
	put("/svc => 0.001 * /#/io.l5d.fs/one & 2 * /#/io.l5d.fs/two")
	s := o.knows("0.001*/#/io.l5d.fs/one & 2*/#/io.l5d.fs/two; /#/io.l5d.fs/one[1 9]; /#/io.l5d.fs/two[2 3]")
	if w := s.Answer.Endpoints["/#/io.l5d.fs/two"][0].Weight; w != 0.5 {
		t.Errorf("weight %v, want 0.5", w)
	}
	put("/svc => /#/io.l5d.fs/three")
	o.keeps("0.001*/#/io.l5d.fs/one & 2*/#/io.l5d.fs/two; /#/io.l5d.fs/one[1 9]; /#/io.l5d.fs/two[2 3]", "it is bound to nothing (neg)")
	put("/svc => /#/io.l5d.fs/three | /#/io.l5d.fs/two")
	o.wait("two alone", func(s resolve.State) bool {
		return show(s.Answer) == "/#/io.l5d.fs/two; /#/io.l5d.fs/two[2 3]" && s.Err == nil
	})
	write("three", "")
	o.knows("/#/io.l5d.fs/three; /#/io.l5d.fs/three[]") // there, and has nobody
	o.stop()
}

func table(t *testing.T, text string) dtab.Dtab {
	t.Helper()
	parsed, err := dtab.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
