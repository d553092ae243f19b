// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package namerd_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/wye-dev/wye/dtab"
	"github.com/wye-dev/wye/namer"
	"github.com/wye-dev/wye/namer/fs"
	"github.com/wye-dev/wye/namer/inet"
	"github.com/wye-dev/wye/namer/rewrite"
	"github.com/wye-dev/wye/namerd"
	"github.com/wye-dev/wye/namerd/boundnames"
	"github.com/wye-dev/wye/namerd/inmemory"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// rig is a namerd on a port of its own.
type rig struct {
	t     testing.TB
	store *inmemory.Store
	disco string // directory of io.l5d.fs
	addr  string
	end   func() // stops the server and waits until it has
}

type options struct {
	tables map[string]string // namespace -> dtab
	files  map[string]string // of io.l5d.fs
	mounts []namer.Mount     // more namers
	wait   time.Duration
}

// start starts a namerd.
func start(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{t: t, disco: t.TempDir(), store: inmemory.New(parsed(t, o.tables))}
	for name, text := range o.files {
		r.write(name, text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	mounts := append(o.mounts, r.namers(ctx)...)
	names := boundnames.New(boundnames.Root{Dir: r.disco, Prefix: dtab.Path{"#", "io.l5d.fs"}})
	server, err := namerd.NewServer(namerd.Options{
		Tables: r.store, Access: namerd.Everybody(r.store), Namers: mounts, BoundNames: names, Wait: o.wait,
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	background(t, ctx, names.Run)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, ln) }()
	stopped := false
	r.end = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	t.Cleanup(r.end)
	return r
}

func (r *rig) namers(ctx context.Context) []namer.Mount {
	r.t.Helper()
	files, err := fs.New(fs.Options{Root: r.disco})
	if err != nil {
		r.t.Fatal(err)
	}
	names, err := rewrite.New(rewrite.Options{Prefix: dtab.Path{"#", "rewrite"}, Pattern: "/{service}/api", Name: "/svc/{service}"})
	if err != nil {
		r.t.Fatal(err)
	}
	hosts := inet.New(inet.Options{})
	background(r.t, ctx, files.Run)
	background(r.t, ctx, hosts.Run)
	return append(hosts.Mounts(), files.Mount(), names.Mount())
}

// background runs something until ctx ends, and the test waits for that.
func background(t testing.TB, ctx context.Context, run func(context.Context) error) {
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func parsed(t testing.TB, tables map[string]string) map[string]dtab.Dtab {
	t.Helper()
	all := map[string]dtab.Dtab{}
	for namespace, text := range tables {
		var err error
		if all[namespace], err = dtab.Parse(text); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// write replaces a file of io.l5d.fs in one step.
func (r *rig) write(name, text string) {
	r.t.Helper()
	next := filepath.Join(r.t.TempDir(), "next")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(r.disco, name)); err != nil {
		r.t.Fatal(err)
	}
}

// put replaces a table.
func (r *rig) put(namespace, text string) {
	r.t.Helper()
	if err := r.store.Put(r.t.Context(), namespace, parsed(r.t, map[string]string{"": text})[""], nil); err != nil {
		r.t.Fatal(err)
	}
}

// watch is an open stream.
type watch struct {
	t        testing.TB
	response *http.Response
	lines    *bufio.Scanner
}

// watch opens a stream of a path below /api/1/.
func (r *rig) watch(path string) *watch {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	r.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.addr+"/api/1/"+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	response, err := transport.RoundTrip(request)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || !slices.Contains(response.TransferEncoding, "chunked") {
		r.t.Fatalf("watch %s: %s, transfer encoding %q", path, response.Status, response.TransferEncoding)
	}
	return &watch{t: r.t, response: response, lines: bufio.NewScanner(response.Body)}
}

// next is the next line.
func (w *watch) next() string {
	w.t.Helper()
	if !w.lines.Scan() {
		w.t.Fatalf("the stream ended: %v", w.lines.Err())
	}
	return w.lines.Text()
}

// expect reads the next line, which must be the one given.
func (w *watch) expect(want string) {
	w.t.Helper()
	if got := w.next(); got != want {
		w.t.Fatalf("the stream has\n%s\nwant\n%s", got, want)
	}
}

// ends expects the stream to end in good order.
func (w *watch) ends() {
	w.t.Helper()
	if w.lines.Scan() {
		w.t.Fatalf("the stream goes on: %s", w.lines.Text())
	}
	if err := w.lines.Err(); err != nil {
		w.t.Fatalf("the stream broke: %v", err)
	}
}
