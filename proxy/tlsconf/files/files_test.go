// Copyright The Wye Authors.
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wye-dev/wye/proxy/pushtest"
	"github.com/wye-dev/wye/proxy/tlsconf"
)

// folder is a directory with identities.
type folder struct {
	t         *testing.T
	authority *pushtest.Authority
	dir       string
	store     *tlsconf.Store
	log       safeBuffer
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	return &folder{t: t, authority: pushtest.NewAuthority(t), dir: t.TempDir(), store: &tlsconf.Store{}}
}

// safeBuffer is a log.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f *folder) do(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) write(name string, text []byte) {
	f.t.Helper()
	f.do(os.MkdirAll(filepath.Dir(f.path(name)), 0o700))
	f.do(os.WriteFile(f.path(name), text, 0o600))
}

// put writes a new identity into a directory, which may be new.
func (f *folder) put(dir string) {
	f.t.Helper()
	chain, key := f.authority.Identity(f.t, "one")
	f.write(dir+"/tls.crt", chain)
	f.write(dir+"/tls.key", key)
}

// follow follows the identity in the directory a until the test ends, and returns its name.
func (f *folder) follow() string {
	f.t.Helper()
	identity := Identity{Where: "here", Certs: []string{f.path("a/tls.crt")}, Key: f.path("a/tls.key")}
	s, err := Open([]Identity{identity, identity}, nil)
	f.do(err)
	s.Serve(f.store, slog.New(slog.NewTextHandler(&f.log, nil)))
	ctx, cancel := context.WithCancel(f.t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	f.t.Cleanup(func() {
		cancel()
		running.Wait()
		if strings.Contains(f.log.String(), "PRIVATE KEY") {
			f.t.Error("a key was logged")
		}
	})
	return identity.Name()
}

// logs waits until a text has been logged so often.
func (f *folder) logs(text string, times int) {
	f.t.Helper()
	// What no event told would be found by the regular check.
	for deadline := time.Now().Add(regularCheck - time.Second); strings.Count(f.log.String(), text) < times; {
		if time.Now().After(deadline) {
			f.t.Fatalf("%q was not logged %d times, but:\n%s", text, times, f.log.String())
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (f *folder) stale() bool {
	f.t.Helper()
	states := f.store.States()
	if len(states) != 1 {
		f.t.Fatalf("%d identities, want 1", len(states))
	}
	return states[0].Stale != nil
}

const rotated = `msg="identity rotated"`

func TestFilesThatAreWrittenInPlaceAreTaken(t *testing.T) {
	f := newFolder(t)
	f.put("a")
	f.follow()
	f.put("a")
	f.logs(rotated, 1)
}

func TestFilesThatAreRenamedOverAreTaken(t *testing.T) {
	f := newFolder(t)
	f.put("a")
	f.follow()
	for n := 1; n <= 2; n++ {
		f.put("new")
		f.do(os.Rename(f.path("new/tls.crt"), f.path("a/tls.crt")))
		f.do(os.Rename(f.path("new/tls.key"), f.path("a/tls.key")))
		f.logs(rotated, n)
	}
}

// A volume of a Secret has tls.crt -> ..data/tls.crt and ..data -> ..TIME, and a new
// ..data is renamed over the old one.
func TestVolumesOfSecretsAreFollowed(t *testing.T) {
	f := newFolder(t)
	swap := func(version string) {
		f.put("a/.." + version)
		f.do(os.Symlink(".."+version, f.path("a/..data_tmp")))
		f.do(os.Rename(f.path("a/..data_tmp"), f.path("a/..data")))
	}
	swap("1")
	for _, name := range []string{"tls.crt", "tls.key"} {
		f.do(os.Symlink("..data/"+name, f.path("a/"+name)))
	}
	f.follow()
	swap("2")
	f.do(os.RemoveAll(f.path("a/..1")))
	f.logs(rotated, 1)
	swap("3")
	f.do(os.RemoveAll(f.path("a/..2")))
	f.logs(rotated, 2)
	if f.stale() {
		t.Errorf("something is not good:\n%s", f.log.String())
	}
}

// As certbot has it: live/NAME -> ../archive/NAMEn, swapped one by one; here below a
// directory that is itself a link.
func TestLinksThatLeadElsewhereAreFollowed(t *testing.T) {
	f := newFolder(t)
	f.put("archive/1")
	f.put("archive/2")
	f.do(os.MkdirAll(f.path("live"), 0o700))
	link := func(version, name string) {
		f.do(os.Symlink("../archive/"+version+"/"+name, f.path("live/next")))
		f.do(os.Rename(f.path("live/next"), f.path("live/"+name)))
	}
	link("1", "tls.crt")
	link("1", "tls.key")
	f.do(os.Symlink(f.path("live"), f.path("a")))
	f.follow()
	link("2", "tls.crt")
	link("2", "tls.key")
	f.logs(rotated, 1)
	f.put("archive/2")
	f.logs(rotated, 2)
	f.put("b")
	f.do(os.Symlink(f.path("b"), f.path("next")))
	f.do(os.Rename(f.path("next"), f.path("a")))
	f.logs(rotated, 3)
}

func TestWhatCannotBeUsedLeavesTheLastGoodInForce(t *testing.T) {
	f := newFolder(t)
	f.put("a")
	good, err := os.ReadFile(f.path("a/tls.key"))
	f.do(err)
	name := f.follow()
	before := f.store.States()[0].Expires
	for _, wrong := range []struct {
		reason string
		do     func()
		said   string
	}{
		{"another's key", func() { _, key := f.authority.Identity(t, "b"); f.write("a/tls.key", key) }, "private key does not match public key"},
		{"no PEM", func() { f.write("a/tls.key", []byte("x")) }, "failed to find any PEM data in key input"},
		{"gone", func() { f.do(os.Remove(f.path("a/tls.key"))) }, "no such file or directory: write the file, or name another"},
		{"the directory too", func() { f.do(os.Rename(f.path("a"), f.path("away"))) }, "certs: stat " + f.path("a/tls.crt")},
	} {
		wrong.do()
		f.logs(wrong.said, 1)
		if !f.stale() {
			t.Errorf("%s: the store does not know", wrong.reason)
		}
	}
	f.do(os.Rename(f.path("away"), f.path("a")))
	f.write("a/tls.key", good)
	f.logs("identity is as it was", 1)
	if f.stale() {
		t.Error("what is good again is called stale")
	}
	if strings.Contains(f.log.String(), rotated) {
		t.Error("something was taken")
	}
	want := tlsconf.State{Name: name, Expires: before}
	if diff := cmp.Diff(want, f.store.States()[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.put("a")
	f.logs(rotated, 1)
}

func TestMistakesNameTheFileAndWhatToDo(t *testing.T) {
	f := newFolder(t)
	f.put("a")
	f.put("b")
	f.write("big", make([]byte, maxFile+1))
	f.do(syscall.Mkfifo(f.path("pipe"), 0o600))
	crt, key := f.path("a/tls.crt"), f.path("a/tls.key")
	const order = " (the server's own certificate must come first, and the key be that one's, in PEM and not encrypted)"
	pair := func(certs, key, cause string) string {
		return "certs " + certs + " with privateKey " + key + ": tls: " + cause + order
	}
	for _, c := range []struct {
		reason     string
		certs      []string
		key, wants string
	}{
		{"no certificate", []string{"nowhere"}, key, "certs: stat nowhere: no such file or directory: write the file, or name another"},
		{"no key", []string{crt}, "nowhere", "privateKey: stat nowhere: no such file or directory: write the file, or name another"},
		{"a directory", []string{f.dir}, key, "certs: " + f.dir + " is not a file: name one that can be read again when it changes"},
		{"a pipe", []string{crt}, f.path("pipe"), "privateKey: " + f.path("pipe") + " is not a file: name one that can be read again when it changes"},
		{"too much", []string{f.path("big")}, key, "certs: " + f.path("big") + " has more than 1048576 bytes: leave only what is needed in it"},
		{"another's key", []string{crt}, f.path("b/tls.key"), pair(crt, f.path("b/tls.key"), "private key does not match public key")},
		{
			"the chain first",
			[]string{f.path("b/tls.crt"), crt},
			key,
			pair(f.path("b/tls.crt")+", "+crt, key, "private key does not match public key"),
		},
		{
			"changed over",
			[]string{key},
			crt,
			pair(key, crt, "failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"),
		},
	} {
		_, err := Open([]Identity{{Where: "f:1:2: defaultIdentity", Certs: c.certs, Key: c.key}}, nil)
		if err == nil || err.Error() != "f:1:2: defaultIdentity: "+c.wants {
			t.Errorf("%s: got %v, want %s", c.reason, err, c.wants)
		}
	}
	if _, err := Open([]Identity{{Where: "x", Key: "n"}, {Where: "y", Certs: []string{"n"}}}, nil); strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("not both mistakes are told: %v", err)
	}
}

func TestAChainMayBeInSeveralFiles(t *testing.T) {
	f := newFolder(t)
	f.put("a")
	f.write("ca", bytes.TrimSpace(f.authority.PEM))
	if _, err := Open([]Identity{{Certs: []string{f.path("a/tls.crt"), f.path("ca")}, Key: f.path("a/tls.key")}}, nil); err != nil {
		t.Error(err)
	}
}

func TestWithoutWatchesTheRegularCheckIsLeft(t *testing.T) {
	w := &watch{now: map[string]bool{}}
	w.follow("/")
	w.turn()
	w.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w.wait(ctx) {
		t.Error("it goes on after its end")
	}
}

func TestNamesTellIdentitiesApart(t *testing.T) {
	names := map[string]bool{}
	for _, i := range []Identity{
		{Certs: []string{"a", "b"}, Key: "c"},
		{Certs: []string{"a,b"}, Key: "c"},
		{Certs: []string{"a"}, Key: "b,c"},
		{Certs: []string{`a\`, "b"}, Key: "c"},
		{Certs: []string{`a\,b`}, Key: "c"},
	} {
		if names[i.Name()] {
			t.Errorf("%s is two identities", i.Name())
		}
		names[i.Name()] = true
	}
	if got := (Identity{Certs: []string{"a.crt"}, Key: "a.key"}).Name(); got != "a.crt,a.key" {
		t.Errorf("got %s", got)
	}
}

func TestDirectoriesAreThoseWhereSomethingCanBeSwapped(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.MkdirAll(in("a/b"), 0o700), os.MkdirAll(in("c"), 0o700), os.WriteFile(in("a/b/file"), nil, 0o600),
		os.Symlink("../a/b", in("c/dir")), os.Symlink(in("c/dir/file"), in("link")), os.Symlink("round", in("round")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string][]string{
		"a/b/file":   {in("a/b")},
		"c/dir/file": {in("c"), in("a/b")},
		"link":       {dir, in("c"), in("a/b")},
		"a/x/file":   {in("a")},
	} {
		if diff := cmp.Diff(want, dirs(in(file))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	if got := len(dirs(in("round"))); got > 2*maxLinks+3 {
		t.Errorf("a link to itself leads through %d directories", got)
	}
}
